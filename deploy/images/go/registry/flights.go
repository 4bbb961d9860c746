package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/distribution/distribution/v3"
	middleware "github.com/distribution/distribution/v3/registry/middleware/repository"
	"github.com/opencontainers/go-digest"
)

// A pull-through cache of distribution stores a blob while it passes it on to the first who asks, and sends whoever
// asks meanwhile to its upstream (registry/proxy/proxyblobstore.go, v3.1.2). Ten nodes that begin at the same moment
// would have every layer sent ten times. With this middleware of repositories they wait for the first one, and are
// served from the disk.
func init() {
	err := middleware.Register("one-flight", func(_ context.Context, inner distribution.Repository, _ map[string]any) (distribution.Repository, error) {
		return repository{inner}, nil
	})
	if err != nil {
		panic(err)
	}
}

type repository struct{ distribution.Repository }

func (r repository) Blobs(ctx context.Context) distribution.BlobStore {
	return blobs{r.Repository.Blobs(ctx), r.Named().Name()}
}

type blobs struct {
	distribution.BlobStore
	of string
}

func (b blobs) ServeBlob(ctx context.Context, w http.ResponseWriter, r *http.Request, blob digest.Digest) error {
	mine := passage{b.of, blob}
	if err := underWay.board(r.Context(), mine); err != nil {
		return err
	}
	whole := false
	defer func() { underWay.land(mine, whole) }()
	err := b.BlobStore.ServeBlob(ctx, w, r, blob)
	whole = err == nil
	return err
}

// passage is what is fetched once: distribution looks for a blob under the repository that it is asked of.
type passage struct {
	repository string
	blob       digest.Digest
}

// flights are the blobs that are being fetched.
type flights struct {
	mutex sync.Mutex
	// Closed when the flight is over.
	inAir map[passage]chan struct{}
	// What has arrived once is on the disk, and nobody waits for it again. When the cache forgets it, after its time to
	// live, the next ones find distribution's own behaviour.
	arrived map[passage]struct{}
}

var underWay = flights{inAir: map[passage]chan struct{}{}, arrived: map[passage]struct{}{}}

// board returns when the blob is on the disk, or when it is the caller's to fetch. Whoever boards has to land: if the
// blob did not come whole, one of those who wait is the next to try.
func (f *flights) board(ctx context.Context, wanted passage) error {
	for {
		over := f.look(wanted)
		if over == nil {
			return nil
		}
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look returns nil if there is nobody to wait for.
func (f *flights) look(wanted passage) <-chan struct{} {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if _, ok := f.arrived[wanted]; ok {
		return nil
	}
	if over, ok := f.inAir[wanted]; ok {
		return over
	}
	f.inAir[wanted] = make(chan struct{})
	return nil
}

func (f *flights) land(wanted passage, whole bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if whole {
		f.arrived[wanted] = struct{}{}
	}
	if over, ok := f.inAir[wanted]; ok {
		delete(f.inAir, wanted)
		close(over)
	}
}
