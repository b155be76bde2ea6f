#!/bin/sh
# A CNI plugin that writes its calls down and answers from files. It knows where by where it lies: bin/<type>,
# answers/<type>/ and notes/ are in one folder.
type=${0##*/}
home=${0%/bin/*}
answers=$home/answers/$type
notes=$home/notes

if [ "$CNI_COMMAND" = VERSION ]; then
	echo '{"cniVersion":"1.1.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}'
	exit 0
fi
cat >"$notes/$$.conf"
env >"$notes/$$.env"
echo "$type $CNI_COMMAND $$" >>"$notes/log"

if [ "$CNI_COMMAND" = ADD ]; then
	while [ -e "$answers/hold" ]; do sleep 0.02; done
fi
if [ -e "$answers/$CNI_COMMAND.fail" ]; then
	cat "$answers/$CNI_COMMAND.fail"
	exit 1
fi
version=$(grep -o '"cniVersion": *"[^"]*"' "$notes/$$.conf" | head -n 1 | cut -d '"' -f 4)
case $version in
0.*) file=$answers/$CNI_COMMAND.0 ;;
*) file=$answers/$CNI_COMMAND.1 ;;
esac
if [ -e "$file" ]; then
	sed "s/VERSION/$version/" "$file"
elif [ "$CNI_COMMAND" = ADD ]; then
	# The result of the plugins before, as it came: from the brace after the key to the one that closes it.
	awk 'BEGIN { RS = "\001" } {
		at = index($0, "\"prevResult\":")
		if (!at) exit
		rest = substr($0, at + 13)
		for (i = 1; i <= length(rest); i++) {
			c = substr(rest, i, 1)
			if (quoted) { if (c == "\\") i++; else if (c == "\"") quoted = 0 }
			else if (c == "\"") quoted = 1
			else if (c == "{") depth++
			else if (c == "}" && --depth == 0) { print substr(rest, 1, i); exit }
		}
	}' "$notes/$$.conf"
fi
