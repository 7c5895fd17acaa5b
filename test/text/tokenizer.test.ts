import { describe, expect, it } from 'vitest'
import { makeTokenizer } from '../../src/text/tokenizer.ts'
import { readExpected } from '../models/fixtures.ts'
import { baseTokenizer } from './fixtures.ts'

const tokenizer = baseTokenizer()
const { prompts } = readExpected('base')

describe('a tokenizer', () => {
  it('gives the reference’s ids, with the first token of the checkpoint', () => {
    for (const { plain } of prompts.questions) {
      // The reference has expanded each placeholder to as many positions as a picture takes.
      const expanded = plain.text.replaceAll('<image>', '<image>'.repeat(prompts.imageTokens))
      expect(tokenizer.encode(expanded)).toEqual(plain.ids)
      expect(tokenizer.encode(expanded, { bare: true })).toEqual(plain.ids.slice(1))
    }
  })

  it('reads special tokens in a text as what they are', () => {
    expect(tokenizer.encode('<image><image>', { bare: true })).toEqual([400, 400])
    expect(tokenizer.encode('<s>', { bare: true })).toEqual([1])
    expect(tokenizer.encode('', { bare: true })).toEqual([])
    expect(tokenizer.encode('')).toEqual([1])
  })

  it.each(['the red sign', 'Where is the bus?', 'naïve – 東京 🚌', ' two  spaces', 'a\nb'])(
    'decodes what it encodes: %j',
    text => {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    },
  )

  it('leaves special tokens out of decoded text', () => {
    const ids = tokenizer.encode('the red bus', { bare: true })
    expect(tokenizer.decode([1, 400, ...ids, 2])).toBe('the red bus')
    expect(tokenizer.decode([])).toBe('')
    expect(tokenizer.decode([1, 2])).toBe('')
  })

  it('writes bytes that are no character as the reference does: each of the run becomes U+FFFD', () => {
    const byte = (value: number): number =>
      tokenizer.encode(String.fromCharCode(value), { bare: true }).at(-1) as number
    const [a, fire] = [byte(0x01), tokenizer.encode('🔥', { bare: true }).slice(-4)]
    expect(tokenizer.decode([310, a, ...fire])).toBe('the\u0001🔥')
    expect(tokenizer.decode([310, a, ...fire.slice(0, 2), 310])).toBe('the\ufffd\ufffd\ufffd the')
  })

  it('gives no text to ids without a token', () => {
    expect(tokenizer.decode([310, 410, 99_999])).toBe('the')
  })

  it('knows what of a text the next token cannot change', () => {
    const ids = tokenizer.encode('the 🔥 the', { bare: true })
    const settled = ids.map((_, i) => tokenizer.decodeSettled(ids.slice(0, i + 1)))
    expect(settled).toEqual(['the', 'the ', 'the ', 'the ', 'the ', 'the ', 'the 🔥 the'])
  })

  it('does not change the ids it is given', () => {
    const ids = Object.freeze([1, 310])
    expect(tokenizer.decode(ids)).toBe('the')
  })

  it('knows a token by its id', () => {
    expect([tokenizer.token(400), tokenizer.token(2), tokenizer.token(99_999)]).toEqual([
      '<image>',
      '</s>',
      undefined,
    ])
  })

  it.each<[unknown, string | undefined]>([
    ['<s>', '<s>'],
    [{ content: '<|begin|>', lstrip: false }, '<|begin|>'],
    [null, undefined],
    [undefined, undefined],
    [{ content: 3 }, undefined],
    [7, undefined],
  ])('reads the special token that a config writes as %j', (written, text) => {
    expect(baseTokenizer({}, { bos_token: written }).special('bos_token')).toBe(text)
  })

  it.each<[string, unknown]>([
    ['an empty object', {}],
    ['null', null],
    ['a model of a kind that is not known', { model: { type: 'Unheard' }, added_tokens: [] }],
  ])('that cannot be read is said: %s', (_, json) => {
    expect(() => makeTokenizer(json as object, {})).toThrow(
      'tokenizer.json: not a tokenizer that can be read. Download it again, or save it with save_pretrained.',
    )
  })
})
