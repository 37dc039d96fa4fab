// SPDX-License-Identifier: MIT

package epbench

import (
	"math/bits"
	"slices"
)

// Sort puts regs into canonical order, which is that of Registration.Compare.
//
// Sorting is part of every timed dump, and with a comparison sort it would
// cost as much as the kernel's whole iteration over the same files. So the
// leading part of the order, epoll and tfd, both drawn from small dense
// ranges, is sorted by radix; only registrations that agree in both, as
// reused descriptor numbers make them, are compared.
func Sort(regs []Registration) {
	if slices.IsSortedFunc(regs, Registration.Compare) {
		return
	}
	if !radixSort(regs) {
		slices.SortFunc(regs, Registration.Compare)
		return
	}
	for i := 0; i < len(regs); {
		j := i + 1
		for j < len(regs) && regs[j].TFD == regs[i].TFD && regs[j].Epoll == regs[i].Epoll {
			j++
		}
		if j-i > 1 {
			slices.SortFunc(regs[i:j], Registration.Compare)
		}
		i = j
	}
}

// radixSort orders regs by epoll and tfd, and reports whether it did: not when
// regs is too short to be worth it, nor when the key does not fit.
//
// The key is one word, (rank of the epoll, tfd, index in regs), so that a
// registration of 32 bytes is moved once, at the end, and the scratch memory
// is 16 bytes a registration.
func radixSort(regs []Registration) bool {
	const short = 64
	if len(regs) < short {
		return false
	}
	ranks, runs := rankEpolls(regs)
	var tfds uint32
	for i := range regs {
		if regs[i].TFD < 0 {
			return false
		}
		tfds |= uint32(regs[i].TFD)
	}
	indexBits := bits.Len(uint(len(regs) - 1))
	tfdBits := bits.Len32(tfds)
	keyBits := indexBits + tfdBits + bits.Len(uint(len(ranks)-1))
	if keyBits > 64 {
		return false
	}

	keys := make([]uint64, len(regs))
	rank, run := 0, 0
	for i := range regs {
		if run < len(runs) && runs[run] == i {
			rank, _ = slices.BinarySearchFunc(ranks, regs[i].Epoll, Ref.Compare)
			run++
		}
		keys[i] = (uint64(rank)<<tfdBits|uint64(regs[i].TFD))<<indexBits | uint64(i)
	}
	keys = radixSortKeys(keys, indexBits, keyBits)
	permute(regs, keys, uint64(1)<<indexBits-1)
	return true
}

// rankEpolls returns the distinct epolls of regs in order, and the indexes at
// which regs turns from one epoll to another. Methods walk one epoll after the
// other, so there are few.
func rankEpolls(regs []Registration) (ranks []Ref, runs []int) {
	for i := range regs {
		if i == 0 || regs[i].Epoll != regs[i-1].Epoll {
			ranks = append(ranks, regs[i].Epoll)
			runs = append(runs, i)
		}
	}
	slices.SortFunc(ranks, Ref.Compare)
	return slices.Compact(ranks), runs
}

// radixSortKeys sorts keys by their bits from to to, least significant digit
// first, and returns the slice that holds the result. Bits below from are in
// order already, and a stable sort keeps them so.
func radixSortKeys(keys []uint64, from, to int) []uint64 {
	const digit = 11
	var (
		other  = make([]uint64, len(keys))
		starts [1 << digit]int32
	)
	for shift := from; shift < to; shift += digit {
		clear(starts[:])
		for _, k := range keys {
			starts[k>>shift&(1<<digit-1)]++
		}
		sum := int32(0)
		for i, n := range starts {
			starts[i] = sum
			sum += n
		}
		for _, k := range keys {
			d := k >> shift & (1<<digit - 1)
			other[starts[d]] = k
			starts[d]++
		}
		keys, other = other, keys
	}
	return keys
}

// permute moves regs[keys[i]&mask] to regs[i] for every i, cycle by cycle, and
// leaves keys spent.
func permute(regs []Registration, keys []uint64, mask uint64) {
	for i := range keys {
		if keys[i]&mask == uint64(i) {
			continue
		}
		first := regs[i]
		at := i
		for {
			from := int(keys[at] & mask)
			keys[at] = uint64(at)
			if from == i {
				regs[at] = first
				break
			}
			regs[at] = regs[from]
			at = from
		}
	}
}
