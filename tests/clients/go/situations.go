// Runs each situation once and prints its result as one JSON line. The situations of both APIs use it.
//
// The runner sets OPENAI_BASE_URL, OPENAI_API_KEY, CLIENT_MODEL and SIMULATOR_CONTROL_URL.
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
	// Takes three turns: a tool call, a second one after the first output, and an answer.
	toolsPrompt = "Use get_weather, afterwards get_time."
	// A PNG of one pixel.
	picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	// Longer than the clients' default delay before their first retry.
	retryAfter = 2 * time.Second
)

var model = os.Getenv("CLIENT_MODEL")

// situation has a function that returns an error if the situation fails.
type situation struct {
	name string
	play func() error
}

var notOffered func() error

// run runs the situations in order and exits, with 1 if one failed.
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

// rateLimited makes the provider's next response a 429 with Retry-After. The call must wait that long or report the limit.
func rateLimited(isReported func(error) bool, call func() error) error {
	fault := map[string]any{
		"kind": "status", "status": 429, "retry_after": fmt.Sprint(retryAfter.Seconds()),
		"body": `{"error": {"message": "Rate limit reached.", "type": "requests", "param": null, "code": "rate_limit_exceeded"}}`,
	}
	command, _ := json.Marshal(map[string]any{"endpoint": "responses", "fault": fault, "times": map[string]int{"next": 1}})
	response, err := http.Post(os.Getenv("SIMULATOR_CONTROL_URL")+"/faults", "application/json", bytes.NewReader(command))
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

// checkToolsAnswer checks the calls and the final text of the tool loop that toolsPrompt starts.
func checkToolsAnswer(text string, called []string) error {
	if strings.Join(called, " ") != "get_weather get_time" {
		return fmt.Errorf("called %v", called)
	}
	// The text quotes the outputs of the last turn. With both calls in one turn, it would quote both.
	if !strings.Contains(text, "result of get_time") || strings.Contains(text, "result of get_weather") {
		return fmt.Errorf("unexpected text: %s", text)
	}
	return nil
}

// checkCount returns an error unless the text is JSON with a count.
func checkCount(text string) error {
	var parsed struct{ Count *int }
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		return err
	}
	if parsed.Count == nil {
		return fmt.Errorf("no count: %s", text)
	}
	return nil
}

// checkDefaultAnswer returns an error unless the text is the simulator's default answer.
func checkDefaultAnswer(text string) error {
	if !strings.HasPrefix(text, "word1 ") {
		return fmt.Errorf("unexpected text: %q", text)
	}
	return nil
}
