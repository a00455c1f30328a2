package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

var (
	client  = openai.NewClient()
	ctx     = context.Background()
	city    = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"}}
	answer  = map[string]any{"type": "object", "properties": map[string]any{"count": map[string]any{"type": "integer"}}, "required": []string{"count"}, "additionalProperties": false}
	unknown = model + "-that-does-not-exist"
)

func hasStatus(err error, status int) bool {
	var refused *openai.Error
	return errors.As(err, &refused) && refused.StatusCode == status
}

func isRateLimit(err error) bool { return hasStatus(err, http.StatusTooManyRequests) }

// checkUnknownModel returns an error unless `err` says that the model does not exist.
func checkUnknownModel(err error) error {
	var refused *openai.Error
	if errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound && refused.Code == "model_not_found" {
		return nil
	}
	return fmt.Errorf("unexpected: %w", err)
}

func create(input responses.ResponseInputParam, change func(*responses.ResponseNewParams)) (*responses.Response, error) {
	params := responses.ResponseNewParams{
		Model:     model,
		Input:     responses.ResponseNewParamsInputUnion{OfInputItemList: input},
		Reasoning: shared.ReasoningParam{Effort: shared.ReasoningEffortHigh},
		Tools: []responses.ToolUnionParam{
			{OfFunction: &responses.FunctionToolParam{Name: "get_weather", Parameters: city}},
			{OfFunction: &responses.FunctionToolParam{Name: "get_time", Parameters: city}},
		},
	}
	if change != nil {
		change(&params)
	}
	return client.Responses.New(ctx, params)
}

func user(text string) responses.ResponseInputItemUnionParam {
	return responses.ResponseInputItemParamOfMessage(text, responses.EasyInputMessageRoleUser)
}

// loop runs the tool loop. next returns the input of the next request, and a function that sets its other parameters.
func loop(next func(*responses.Response, responses.ResponseInputParam) (responses.ResponseInputParam, func(*responses.ResponseNewParams))) error {
	var called []string
	response, err := create(responses.ResponseInputParam{user(toolsPrompt)}, nil)
	for err == nil {
		var outputs responses.ResponseInputParam
		for _, item := range response.Output {
			if item.Type == "function_call" {
				called = append(called, item.Name)
				output := responses.ResponseInputItemParamOfFunctionCallOutput("result of " + item.Name)
				output.OfFunctionCallOutput.CallID = openai.String(item.CallID)
				outputs = append(outputs, output)
			}
		}
		if len(outputs) == 0 {
			return checkToolsAnswer(response.OutputText(), called)
		}
		response, err = create(next(response, outputs))
	}
	return err
}

// resendAll resends the whole conversation each time. toInput converts an output item to an input item.
func resendAll(toInput func(responses.ResponseOutputItemUnion) responses.ResponseInputItemUnionParam) error {
	conversation := responses.ResponseInputParam{user(toolsPrompt)}
	return loop(func(response *responses.Response, outputs responses.ResponseInputParam) (responses.ResponseInputParam, func(*responses.ResponseNewParams)) {
		for _, item := range response.Output {
			conversation = append(conversation, toInput(item))
		}
		conversation = append(conversation, outputs...)
		return conversation, nil
	})
}

func itself(item responses.ResponseOutputItemUnion) responses.ResponseInputItemUnionParam {
	return param.Override[responses.ResponseInputItemUnionParam](json.RawMessage(item.RawJSON()))
}

func reference(item responses.ResponseOutputItemUnion) responses.ResponseInputItemUnionParam {
	return responses.ResponseInputItemParamOfItemReference(item.ID)
}

func byID() error {
	return loop(func(response *responses.Response, outputs responses.ResponseInputParam) (responses.ResponseInputParam, func(*responses.ResponseNewParams)) {
		return outputs, func(params *responses.ResponseNewParams) { params.PreviousResponseID = openai.String(response.ID) }
	})
}

func streamResponse() error {
	text := ""
	stream := client.Responses.NewStreaming(ctx, responses.ResponseNewParams{
		Model: model, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")},
	})
	for stream.Next() {
		text += stream.Current().Delta
	}
	return errors.Join(stream.Err(), checkDefaultAnswer(text))
}

func structuredResponse() error {
	response, err := create(responses.ResponseInputParam{user("Hello")}, func(params *responses.ResponseNewParams) {
		params.Text.Format = responses.ResponseFormatTextConfigParamOfJSONSchema("answer", answer)
	})
	if err != nil {
		return err
	}
	return checkCount(response.OutputText())
}

func seeImage() error {
	image := responses.ResponseInputContentParamOfInputImage(responses.ResponseInputImageDetailAuto)
	image.OfInputImage.ImageURL = openai.String(picture)
	parts := responses.ResponseInputMessageContentListParam{responses.ResponseInputContentParamOfInputText("What is this?"), image}
	return send(responses.ResponseInputParam{responses.ResponseInputItemParamOfMessage(parts, responses.EasyInputMessageRoleUser)})
}

// send creates a response and checks that it has the default answer.
func send(input responses.ResponseInputParam) error {
	response, err := create(input, nil)
	if err != nil {
		return err
	}
	return checkDefaultAnswer(response.OutputText())
}

// responsesSituations returns the situations of OpenAI's SDK for Go with the Responses API.
func responsesSituations() []situation {
	return []situation{
		{"tools", func() error { return resendAll(itself) }},
		{"stream", streamResponse},
		{"structured", structuredResponse},
		{"image", seeImage},
		{"unknown_model", func() error {
			_, err := create(responses.ResponseInputParam{user("Hello")}, func(params *responses.ResponseNewParams) { params.Model = unknown })
			return checkUnknownModel(err)
		}},
		{"rate_limit", func() error {
			return rateLimited(isRateLimit, func() error { return send(responses.ResponseInputParam{user("Hello")}) })
		}},
		{"previous_response", byID},
		{"output_items", func() error { return resendAll(itself) }},
		{"history", func() error {
			conversation := responses.ResponseInputParam{
				user("Hello"), responses.ResponseInputItemParamOfMessage("Hi!", responses.EasyInputMessageRoleAssistant), user("Again"),
			}
			return send(conversation)
		}},
		{"references", func() error { return resendAll(reference) }},
	}
}
