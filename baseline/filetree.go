// SPDX-License-Identifier: MIT

package baseline

import (
	"fmt"

	"epbench"

	"github.com/emirpasic/gods/trees/redblacktree"
)

// fileTree holds open files in the order of kcmp's KCMP_FILE, each under the
// descriptor that was added first: the subtree of a generation id in CRIU's
// criu/kcmp-ids.c. Insertion and search walk from the root and ask once at
// each node. CRIU's tree is balanced like this one, and so of the same form
// after the same insertions.
type fileTree struct {
	calls *calls
	nodes *redblacktree.Tree
	err   error // the first of kcmp
}

// fileKey is what the tree compares: the file of a descriptor or, in a search
// only, the target of a registration.
type fileKey struct {
	ref epbench.Ref
	reg *epbench.Registration
	off uint32 // toff of reg
}

func newFileTree(c *calls) *fileTree {
	f := &fileTree{calls: c}
	f.nodes = redblacktree.NewWith(func(a, b any) int { return f.compare(a.(*fileKey), b.(*fileKey)) })
	return f
}

// compare places what is inserted or searched relative to a node.
func (f *fileTree) compare(key, node *fileKey) int {
	if f.err != nil || key == node {
		return 0
	}
	var (
		order int
		err   error
	)
	if key.reg != nil {
		order, err = f.calls.kcmpTarget(node.ref, key.reg.Epoll, key.reg.TFD, key.off)
	} else {
		order, err = f.calls.kcmpFiles(node.ref, key.ref)
	}
	if err != nil {
		f.err = explainKcmp(fmt.Sprintf("descriptor %v", node.ref), err)
		return 0
	}
	switch order {
	case kcmpLess:
		return -1
	case kcmpGreater:
		return 1
	}
	// Put replaces the node's key by an equal one: keep what the first said.
	*key = *node
	return 0
}

// add inserts the file of ref if it is new, and returns the descriptor that it
// was added under.
func (f *fileTree) add(ref epbench.Ref) (epbench.Ref, error) {
	key := &fileKey{ref: ref}
	f.nodes.Put(key, nil)
	return key.ref, f.err
}

// target searches for the target of reg and returns the descriptor that it was
// added under, or none.
func (f *fileTree) target(reg *epbench.Registration, off uint32) (epbench.Ref, error) {
	key := &fileKey{reg: reg, off: off}
	if f.nodes.GetNode(key) == nil || f.err != nil {
		return epbench.Ref{}, f.err
	}
	return key.ref, nil
}
