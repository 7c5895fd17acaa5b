import { describe, expect, it } from 'vitest'
import type { EncodedImage } from '../../src/encode.ts'
import type { Mllm } from '../../src/mllm.ts'
import { promptFor } from '../../src/mllm.ts'
import { renderChat } from '../../src/text/chat-template.ts'
import { baseTokenizer, readBase } from './fixtures.ts'

const specials = { bos_token: '<s>', eos_token: '</s>' }

describe('a chat template', () => {
  it('puts pictures before the text and ends where the answer starts', () => {
    const template = readBase('chat_template.jinja')
    expect(template).toContain('{% generation %}')
    expect(renderChat(template, 1, 'What is red?', specials)).toBe('USER: <image>\nWhat is red? ASSISTANT:')
    expect(renderChat(template, 2, 'What is red?', specials)).toBe(
      'USER: <image>\n<image>\nWhat is red? ASSISTANT:',
    )
    expect(renderChat(template, 0, 'What is red?', specials)).toBe('USER: What is red? ASSISTANT:')
  })

  it('may use the special tokens', () => {
    const template = "{{ bos_token }}{{ messages[0]['content'][0]['text'] }}{{ eos_token }}"
    expect(renderChat(template, 0, 'hello', specials)).toBe('<s>hello</s>')
    expect(renderChat('{{ pad_token is defined }}', 0, 'hello', specials)).toBe('false')
  })

  it('takes the text as it is, also where it looks like a template', () => {
    const text = '{{ messages }} {% if %} <image> "quoted"'
    expect(renderChat(readBase('chat_template.jinja'), 0, text, specials)).toBe(`USER: ${text} ASSISTANT:`)
  })

  it.each([
    ['{{ raise_exception("only two turns") }}', 'only two turns'],
    ['{% if %}', ''],
    ['{{ unheard() }}', 'not a function'],
  ])('that fails is said in one line: %s', (template, reason) => {
    let message = ''
    try {
      renderChat(template, 1, 'hello', specials)
    } catch (error) {
      message = (error as Error).message
      expect((error as Error).cause).toBeInstanceOf(Error)
    }
    expect(message).toMatch(/^chat template: .+ Use the plain prompt instead\.$/)
    expect(message).toContain(reason)
  })
})

describe('the first token of a chat prompt', () => {
  /** As much of a model as a prompt needs, with a tokenizer that writes `<s>` before a text. */
  const chatting = (chatTemplate: string | null): Mllm =>
    ({
      promptStyle: 'chat',
      chatTemplate,
      tokenizer: baseTokenizer(),
      imageToken: '<image>',
      model: { imageTokenId: 400, instruct: (question: string) => question },
    }) as unknown as Mllm
  const rows = [{ features: { rows: 1, width: 1, data: new Float32Array(1) }, row: 0 }]
  const image = { texts: ['', ''], runs: [rows] } as unknown as EncodedImage
  const userTurn = "{{ 'USER: <image> ' + messages[0]['content'][1]['text'] }}"

  it('is not doubled where the template writes it', () => {
    const prompt = promptFor(chatting(`{{ bos_token }}${userTurn}`), 'the bus', [image])
    expect(prompt.filter(position => position === 1)).toHaveLength(1)
    expect(prompt[0]).toBe(1)
    expect(prompt).toContain(rows[0])
  })

  it('is written where the template does not', () => {
    expect(promptFor(chatting(userTurn), 'the bus', [image])).toEqual(
      promptFor(chatting(`{{ bos_token }}${userTurn}`), 'the bus', [image]),
    )
  })

  it('needs a template', () => {
    expect(() => promptFor(chatting(null), 'the bus', [image])).toThrow(
      'this checkpoint has no chat template. Use the plain prompt instead.',
    )
  })

  it('belongs to a prompt with one place for each picture', () => {
    expect(() => promptFor(chatting(userTurn), 'the <image> bus', [image])).toThrow(
      'prompt: 2 places for 1 pictures.',
    )
    expect(() => promptFor(chatting("{{ messages[0]['content'][1]['text'] }}"), 'the bus', [image])).toThrow(
      'prompt: 0 places for 1 pictures.',
    )
  })
})
