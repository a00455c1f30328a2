package main

import "os"

// The argument names the API: responses or chat. run exits.
func main() {
	if os.Args[1] == "chat" {
		run(chatSituations())
	}
	run(responsesSituations())
}
