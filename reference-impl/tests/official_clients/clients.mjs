// Makes calls with the providers' own clients, and says what they made of the answers.
//
// Standard input: {"openai": base URL, "anthropic": base URL, "calls": [{"call", "key", "model", …}]}.
// Standard output: an array with one object for each call, in order: what the client returned, or the error it threw.

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

const TIMEOUT_MS = 20_000;
const SAID = 'three short words';

const openai = (call) => new OpenAI({ apiKey: call.key, baseURL: urls.openai, maxRetries: 0, timeout: TIMEOUT_MS });
const anthropic = (call) =>
  new Anthropic({ apiKey: call.key, baseURL: urls.anthropic, maxRetries: 0, timeout: TIMEOUT_MS });
const messages = [{ role: 'user', content: SAID }];

const CALLS = {
  async 'openai.chat'(call) {
    const { data, response } = await openai(call).chat.completions.create({ model: call.model, messages }).withResponse();
    return { text: data.choices[0].message.content, usage: data.usage, origin: response.headers.get('access-control-allow-origin') };
  },

  async 'openai.chat.stream'(call) {
    const stream = await openai(call).chat.completions.create({
      model: call.model,
      messages,
      stream: true,
      ...(call.include_usage ? { stream_options: { include_usage: true } } : {}),
    });
    let text = '';
    let usage = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      usage = chunk.usage ?? usage;
    }
    return { text, usage };
  },

  // Reads until something was said, then goes away.
  async 'openai.chat.abort'(call) {
    const stream = await openai(call).chat.completions.create({
      model: call.model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      const text = chunk.choices[0]?.delta?.content;
      if (text) {
        stream.controller.abort();
        return { text };
      }
    }
    return { text: null };
  },

  async 'openai.completion'(call) {
    const completion = await openai(call).completions.create({ model: call.model, prompt: SAID });
    return { text: completion.choices[0].text, usage: completion.usage };
  },

  async 'openai.responses'(call) {
    const response = await openai(call).responses.create({ model: call.model, input: SAID });
    return { text: response.output_text, usage: response.usage, status: response.status };
  },

  async 'openai.responses.stream'(call) {
    const stream = openai(call).responses.stream({ model: call.model, input: SAID });
    let text = '';
    stream.on('response.output_text.delta', (event) => (text += event.delta));
    const response = await stream.finalResponse();
    return { text, usage: response.usage, status: response.status };
  },

  async 'openai.embeddings'(call) {
    const embeddings = await openai(call).embeddings.create({ model: call.model, input: [SAID, SAID] });
    return { vectors: embeddings.data.map((item) => item.embedding), usage: embeddings.usage };
  },

  async 'openai.models'(call) {
    const ids = [];
    for await (const model of openai(call).models.list()) ids.push(model.id);
    return { ids };
  },

  async 'openai.model'(call) {
    return { id: (await openai(call).models.retrieve(call.model)).id };
  },

  async 'openai.files'(call) {
    return { files: (await openai(call).files.list()).data.length };
  },

  async 'anthropic.message'(call) {
    const message = await anthropic(call).messages.create({ model: call.model, max_tokens: 64, messages });
    return { text: message.content[0].text, usage: message.usage, stop: message.stop_reason };
  },

  async 'anthropic.message.stream'(call) {
    const stream = anthropic(call).messages.stream({ model: call.model, max_tokens: 64, messages });
    let text = '';
    stream.on('text', (piece) => (text += piece));
    const message = await stream.finalMessage();
    return { text, usage: message.usage, stop: message.stop_reason };
  },

  async 'anthropic.message.abort'(call) {
    const stream = anthropic(call).messages.stream({ model: call.model, max_tokens: 64, messages });
    for await (const event of stream) {
      if (event.type === 'content_block_delta') {
        stream.abort();
        return { text: event.delta.text };
      }
    }
    return { text: null };
  },

  async 'anthropic.count_tokens'(call) {
    return { tokens: (await anthropic(call).messages.countTokens({ model: call.model, messages })).input_tokens };
  },

  async 'anthropic.models'(call) {
    const ids = [];
    for await (const model of anthropic(call).models.list()) ids.push(model.id);
    return { ids };
  },
};

function told(error) {
  return {
    error: {
      class: error?.constructor?.name ?? typeof error,
      status: error?.status ?? null,
      code: error?.code ?? error?.error?.error?.code ?? null,
      vendo: error?.headers?.get?.('vendo-error-code') ?? null,
      retry_after: error?.headers?.get?.('retry-after') ?? null,
      message: String(error?.message ?? error),
    },
  };
}

let input = '';
for await (const piece of process.stdin) input += piece;
const { calls, ...urls } = JSON.parse(input);
const results = [];
for (const call of calls) {
  const made = CALLS[call.call];
  if (!made) throw new Error(`there is no call ${call.call}`);
  results.push(await made(call).catch(told));
}
process.stdout.write(JSON.stringify(results));
