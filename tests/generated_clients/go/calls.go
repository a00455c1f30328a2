// Calls the gateway with the client that oapi-codegen generates, and prints the number of calls. Stops at the first
// response that is not the expected one.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"example.com/goclaw/generated/api"
)

const (
	account  = "openai-codex"
	jsonBody = "application/json"
)

var (
	ctx   = context.Background()
	calls int
)

// count counts a response of the expected type and returns its data.
func count[T any](name string, data *T, body []byte) *T {
	if data == nil {
		log.Fatalf("%s: %s", name, body)
	}
	calls++
	return data
}

func check[T comparable](name string, actual, expected T) {
	if actual != expected {
		log.Fatalf("%s is %v, not %v", name, actual, expected)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func client(token string) *api.ClientWithResponses {
	authorize := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	return must(api.NewClientWithResponses(os.Getenv("GOCLAW_URL"), api.WithRequestEditorFn(authorize)))
}

func main() {
	log.SetFlags(0)
	gateway := client(os.Getenv("GOCLAW_TOKEN"))

	status := must(gateway.GetAuthStatusWithResponse(ctx, account))
	check("state", count("status", status.JSON200, status.Body).State, "absent")

	start := must(gateway.StartLoginWithBodyWithResponse(ctx, account, jsonBody, nil))
	started := count("start without a body", start.JSON200, start.Body)
	check("status", started.Status, "pending")
	start = must(gateway.StartLoginWithBodyWithResponse(ctx, account, jsonBody, strings.NewReader("null")))
	again := count("start with null", start.JSON200, start.Body)
	check("login_id", *again.LoginId, *started.LoginId)
	// The simulated provider approves without asking, as its user person1@example.com.
	approval := must(http.DefaultTransport.RoundTrip(must(http.NewRequest("GET", *started.AuthUrl, nil))))
	redirect := api.CompleteLoginRequest{RedirectUrl: approval.Header.Get("Location")}
	complete := must(gateway.CompleteLoginWithResponse(ctx, account, redirect))
	check("authenticated", count("complete the login", complete.JSON200, complete.Body).Authenticated, true)

	status = must(gateway.GetAuthStatusWithResponse(ctx, account))
	active := count("status", status.JSON200, status.Body)
	check("authenticated", active.Authenticated, true)
	check("email", *active.Account.Email, "person1@example.com")

	create := must(gateway.CreateTokenWithResponse(ctx, api.CreateTokenRequest{Name: "generated client"}))
	created := count("create a token", create.JSON200, create.Body)
	list := must(gateway.ListTokensWithResponse(ctx, &api.ListTokensParams{}))
	check("id", count("list tokens", list.JSON200, list.Body).Tokens[0].Id, created.Id)

	response := must(client(created.Token).CreateResponseWithResponse(ctx, api.CreateResponseRequest{
		Model: "openai-codex/gpt-5.5",
		Input: []any{map[string]any{"role": "user", "content": "Call look_up."}},
		AdditionalProperties: map[string]any{
			"instructions": "Answer in one word.",
			"tools":        []any{map[string]any{"type": "function", "name": "look_up", "parameters": map[string]any{"type": "object"}}},
		},
	}))
	answer := *count("responses", response.JSON200, response.Body)
	check("status", answer["status"], "completed")
	called := ""
	for _, item := range answer["output"].([]any) {
		if item := item.(map[string]any); item["type"] == "function_call" {
			called = item["name"].(string)
		}
	}
	check("the called function", called, "look_up")

	revoke := must(gateway.RevokeTokenWithResponse(ctx, created.Id))
	check("status", count("revoke a token", revoke.JSON200, revoke.Body).Status, "revoked")

	revoke = must(gateway.RevokeTokenWithResponse(ctx, created.Id))
	check("code", count("revoke it again", revoke.ApplicationproblemJSON404, revoke.Body).Code, "unknown_token")

	fmt.Println(calls)
}
