package main

import (
	"errors"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"
)

func chat(messages []openai.ChatCompletionMessageParamUnion, change func(*openai.ChatCompletionNewParams)) (openai.ChatCompletionMessage, error) {
	params := openai.ChatCompletionNewParams{
		Model:           model,
		Messages:        messages,
		ReasoningEffort: shared.ReasoningEffortHigh,
		Tools: []openai.ChatCompletionToolUnionParam{
			openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "get_weather", Parameters: city}),
			openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "get_time", Parameters: city}),
		},
	}
	if change != nil {
		change(&params)
	}
	completion, err := client.Chat.Completions.New(ctx, params)
	if err != nil {
		return openai.ChatCompletionMessage{}, err
	}
	return completion.Choices[0].Message, nil
}

func hello() []openai.ChatCompletionMessageParamUnion {
	return []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be brief."), openai.UserMessage("Hello")}
}

func chatLoop() ([]openai.ChatCompletionMessageParamUnion, error) {
	var called []string
	conversation := []openai.ChatCompletionMessageParamUnion{openai.UserMessage(toolsPrompt)}
	for {
		message, err := chat(conversation, nil)
		if err != nil {
			return nil, err
		}
		conversation = append(conversation, message.ToParam())
		if len(message.ToolCalls) == 0 {
			return conversation, checkToolsAnswer(message.Content, called)
		}
		for _, call := range message.ToolCalls {
			called = append(called, call.Function.Name)
			conversation = append(conversation, openai.ToolMessage("result of "+call.Function.Name, call.ID))
		}
	}
}

func streamChat() error {
	text := ""
	stream := client.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{Model: model, Messages: hello()})
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text += choice.Delta.Content
		}
	}
	return errors.Join(stream.Err(), checkDefaultAnswer(text))
}

func structuredChat() error {
	message, err := chat(hello(), func(params *openai.ChatCompletionNewParams) {
		schema := shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "answer", Strict: openai.Bool(true), Schema: answer}
		params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: schema}
	})
	if err != nil {
		return err
	}
	return checkCount(message.Content)
}

func seeImageInChat() error {
	parts := []openai.ChatCompletionContentPartUnionParam{
		openai.TextContentPart("What is this?"),
		openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: picture}),
	}
	message, err := chat([]openai.ChatCompletionMessageParamUnion{openai.UserMessage(parts)}, nil)
	return errors.Join(err, checkDefaultAnswer(message.Content))
}

// chatSituations returns the situations of OpenAI's SDK for Go with the Chat Completions API.
func chatSituations() []situation {
	return []situation{
		{"tools", func() error { _, err := chatLoop(); return err }},
		{"stream", streamChat},
		{"structured", structuredChat},
		{"image", seeImageInChat},
		{"unknown_model", func() error {
			_, err := chat(hello(), func(params *openai.ChatCompletionNewParams) { params.Model = unknown })
			return checkUnknownModel(err)
		}},
		{"rate_limit", func() error {
			return rateLimited(isRateLimit, func() error { _, err := chat(hello(), nil); return err })
		}},
		{"previous_response", notOffered},
		{"output_items", notOffered},
		{"history", func() error {
			conversation, err := chatLoop()
			if err != nil {
				return err
			}
			message, err := chat(append(conversation, openai.UserMessage("Thanks")), nil)
			return errors.Join(err, checkDefaultAnswer(message.Content))
		}},
		{"references", notOffered},
	}
}
