// What the Go programs share: each situation runs once and prints its result as one JSON line.
//
// The runner sets OPENAI_BASE_URL, OPENAI_API_KEY, CLIENT_MODEL and SIMULATOR_CONTROL_URL, and nothing else that a client reads.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	// Two tool calls, one after the other's output, and an answer: three turns.
	toolsPrompt = "Use get_weather, afterwards get_time."
	// 1 pixel.
	picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	// Longer than what clients wait by themselves before their first retry.
	retryAfter = 2 * time.Second
)

var model = os.Getenv("CLIENT_MODEL")

// situation has a function that fails by an error; without one, the client has nothing for it.
type situation struct {
	name string
	play func() error
}

// run runs the situations in order and exits with 1 if one failed.
func run(situations []situation) {
	failed := 0
	for _, situation := range situations {
		result := map[string]string{"situation": situation.name, "result": "works"}
		if situation.play == nil {
			result["result"] = "not offered"
		} else if err := situation.play(); err != nil {
			failed = 1
			result["result"], result["reason"] = "fails", err.Error()
		}
		line, _ := json.Marshal(result)
		fmt.Println(string(line))
	}
	os.Exit(failed)
}

// rateLimited makes the next response a 429 of the provider with Retry-After. The call waits that long, or reports the limit.
func rateLimited(isReported func(error) bool, call func() error) error {
	fault := map[string]any{
		"kind": "status", "status": 429, "retry_after": fmt.Sprint(retryAfter.Seconds()),
		"body": `{"error": {"message": "Rate limit reached.", "type": "requests", "param": null, "code": "rate_limit_exceeded"}}`,
	}
	order, _ := json.Marshal(map[string]any{"endpoint": "responses", "fault": fault, "times": map[string]int{"next": 1}})
	response, err := http.Post(os.Getenv("SIMULATOR_CONTROL_URL")+"/faults", "application/json", bytes.NewReader(order))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the simulator answered %s", response.Status)
	}
	begun := time.Now()
	if err := call(); err != nil && !isReported(err) {
		return err
	} else if waited := time.Since(begun); err == nil && waited < retryAfter {
		return fmt.Errorf("retried after %s, not after the %s of Retry-After", waited, retryAfter)
	}
	return nil
}

// checkToolsAnswer checks the end of the loop that toolsPrompt begins.
func checkToolsAnswer(text string, called []string) error {
	if strings.Join(called, " ") != "get_weather get_time" {
		return fmt.Errorf("called %v", called)
	}
	// The second call came after the output of the first one.
	if !strings.Contains(text, "result of get_time") || strings.Contains(text, "result of get_weather") {
		return fmt.Errorf("unexpected text: %s", text)
	}
	return nil
}

// isWord returns an error unless the text is the simulated model's.
func isWord(text string) error {
	if !strings.HasPrefix(text, "word1 ") {
		return fmt.Errorf("unexpected text: %q", text)
	}
	return nil
}
