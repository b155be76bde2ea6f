package kube

import (
	"io"
	"strings"
	"testing"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/streaming"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	restwatch "k8s.io/client-go/rest/watch"
)

// An encoding is how an API server writes objects to a client: in protobuf where that accepts it. Its kinds are those of
// whole API groups, not the few that the code knows.
type encoding struct {
	codecs serializer.CodecFactory
	kinds  *runtime.Scheme
	info   runtime.SerializerInfo
}

func encodingFor(t *testing.T, accept string) encoding {
	t.Helper()
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, nadv1.AddToScheme} {
		if err := add(kinds); err != nil {
			t.Error(err)
		}
	}
	e := encoding{codecs: serializer.NewCodecFactory(kinds), kinds: kinds}
	wanted, _, _ := strings.Cut(accept, ",")
	for _, e.info = range e.codecs.SupportedMediaTypes() {
		if e.info.MediaType == wanted {
			return e
		}
	}
	t.Errorf("no client of Kubernetes accepts %q", accept)
	return e
}

func (e encoding) version(obj runtime.Object) (schema.GroupVersion, error) {
	kinds, _, err := e.kinds.ObjectKinds(obj)
	if err != nil {
		return schema.GroupVersion{}, err
	}
	return kinds[0].GroupVersion(), nil
}

func (e encoding) write(w io.Writer, obj runtime.Object) error {
	version, err := e.version(obj)
	if err != nil {
		return err
	}
	// Encoders write the kind into the object meanwhile.
	return e.codecs.EncoderForVersion(e.info.Serializer, version).Encode(obj.DeepCopyObject(), w)
}

// streamType is the Content-Type of a watch.
func (e encoding) streamType() string {
	if e.info.MediaType == runtime.ContentTypeProtobuf {
		return e.info.MediaType + ";stream=watch"
	}
	return e.info.MediaType
}

// writeEvent writes an event of a watch.
func (e encoding) writeEvent(w io.Writer, event apiwatch.Event) error {
	version, err := e.version(event.Object)
	if err != nil {
		return err
	}
	event.Object = event.Object.DeepCopyObject()
	frames := streaming.NewEncoder(e.info.StreamSerializer.NewFrameWriter(w), e.codecs.EncoderForVersion(e.info.StreamSerializer.Serializer, version))
	return restwatch.NewEncoder(frames, e.codecs.EncoderForVersion(e.info.Serializer, version)).Encode(&event)
}
