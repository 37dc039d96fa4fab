// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestTheLinkCarriesFramesPastWhatPrecedesThem(t *testing.T) {
	var port bytes.Buffer
	port.WriteString("\xff\x00" + greeting[:9]) // the kernel trying out the port
	link, err := newLinkWriter(&port)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(stream{link, kindStdout}, strings.NewReader("out"))
	io.Copy(stream{link, kindStderr}, strings.NewReader(greeting))
	link.exit(300)
	port.WriteString("s\x00\x00") // where the guest died

	var got []string
	err = readLink(iotest.OneByteReader(&port), func(k kind, content []byte) error {
		got = append(got, string(k)+":"+string(content))
		return nil
	})
	want := "1:out|2:" + greeting + "|x:\x00\x00\x01\x2c"
	if err != nil || strings.Join(got, "|") != want {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestACorruptLinkIsAnError(t *testing.T) {
	err := readLink(strings.NewReader(greeting+"1\xff\xff\xff\xff"), func(kind, []byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "corrupt") {
		t.Errorf("error %v", err)
	}
}
