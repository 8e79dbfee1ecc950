// Bento, at the version of go.mod, with the components that bento.yaml uses and no others: all of them take ten minutes to compile.
package main

import (
	"context"

	_ "github.com/warpstreamlabs/bento/public/components/kafka"
	_ "github.com/warpstreamlabs/bento/public/components/pure"
	"github.com/warpstreamlabs/bento/public/service"
)

func main() {
	service.RunCLI(context.Background())
}
