// Command nothing does nothing: what starting it takes, starting any Go program takes.
package main

func main() {}
