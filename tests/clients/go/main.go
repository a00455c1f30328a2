package main

import "os"

// The argument names the API: responses or chat.
func main() {
	if os.Args[1] == "chat" {
		run(chatSituations())
	}
	run(responsesSituations())
}
