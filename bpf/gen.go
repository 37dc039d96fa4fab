// SPDX-License-Identifier: MIT

package bpf

//go:generate go tool bpf2go -cc clang -target bpfel -cflags "-O2 -Wall -Werror -mcpu=v3" learn learn.bpf.c
//go:generate go tool bpf2go -cc clang -target bpfel -cflags "-O2 -Wall -Werror -mcpu=v3" taskfile taskfile.bpf.c
//go:generate go tool bpf2go -cc clang -target bpfel -cflags "-O2 -Wall -Werror -mcpu=v3" floor floor.bpf.c
//go:generate go tool bpf2go -cc clang -target bpfel -cflags "-O2 -Wall -Werror -mcpu=v3" -no-global-types -type sweep -type confirmation epoll epoll.bpf.c
//go:generate go tool bpf2go -cc clang -target bpfel -cflags "-O2 -Wall -Werror -mcpu=v3" -output-suffix _test -no-global-types epoll2021 testdata/epoll2021.bpf.c
//go:generate sed -i "1i // SPDX-License-Identifier: MIT" learn_bpfel.go taskfile_bpfel.go floor_bpfel.go epoll_bpfel.go epoll2021_bpfel_test.go
