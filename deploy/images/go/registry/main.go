// The CNCF registry with what our configuration can name: files on a disk, memory, a pull-through cache of another
// registry that knows us by a certificate.
//
// Its own main program has drivers for the clouds as well. They are three quarters of all packages that would have to
// be compiled, and nobody here could use them.
package main

import (
	"fmt"
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/proxy"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
)

func main() {
	if err := introduceOurselves(); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
	if err := registry.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
