package rules

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Forbidden does what only programs may.
func Forbidden() time.Duration {
	fmt.Println("hello")                  // want forbidigo
	fmt.Print(os.Getenv("HOME"))          // want forbidigo
	<-time.After(time.Second)             // want forbidigo
	time.Sleep(time.Second)               // want forbidigo
	if context.Background().Err() != nil { // want forbidigo
		panic("gone") // want forbidigo
	}
	return time.Since(time.Now()) // want forbidigo
}
