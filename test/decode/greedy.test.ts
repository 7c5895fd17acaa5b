import { afterEach, describe, expect, it } from 'vitest'
import { Context } from '../../src/decode/context.ts'
import { argmax, greedy } from '../../src/decode/greedy.ts'
import type { DecoderSessions } from '../../src/decode/sessions.ts'
import type { Prompt } from '../../src/models/model.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { openTinyLlama, runPlainly, tinyLlama } from './plain-llama.ts'

const opened: DecoderSessions[] = []
afterEach(() => Promise.all(opened.splice(0).map(sessions => sessions.release())))

const model = tinyLlama()

async function open(): Promise<Context> {
  const sessions = await openTinyLlama(model, temporaryFolder())
  opened.push(sessions)
  return new Context(sessions)
}

interface Limits {
  readonly maxNewTokens?: number
  readonly endTokenIds?: readonly number[]
  readonly maxPositions?: number
  readonly signal?: AbortSignal
}

async function answer(context: Context, prompt: Prompt, limits: Limits = {}): Promise<number[]> {
  const tokens: number[] = []
  const options = { maxNewTokens: 6, endTokenIds: [], maxPositions: 600, ...limits }
  for await (const token of greedy(context, prompt, options)) tokens.push(token)
  return tokens
}

const prompt = [3, 1, 4, 1, 5, 9, 2, 6]

/** The most probable token, each time of the whole prompt written out. */
const expected: number[] = []
for (let i = 0; i < 6; i++) {
  const { logits } = runPlainly(model, [...prompt, ...expected])
  expected.push(logits.indexOf(Math.max(...logits)))
}

describe('a greedy answer', () => {
  it('takes the most probable token each time', async () => {
    const context = await open()
    expect(new Set(expected).size).toBeGreaterThan(2)
    expect(await answer(context, prompt)).toEqual(expected)
    expect(await answer(context, prompt)).toEqual(expected)
    expect(context.length).toBe(prompt.length + 5)
  })

  it('ends before an end token', async () => {
    const end = expected[3] as number
    expect(await answer(await open(), prompt, { endTokenIds: [22, end] })).toEqual(
      expected.slice(0, expected.indexOf(end)),
    )
  })

  it('has no more tokens than asked for', async () => {
    const context = await open()
    expect(await answer(context, prompt, { maxNewTokens: 2 })).toEqual(expected.slice(0, 2))
    expect(await answer(context, prompt, { maxNewTokens: 0 })).toEqual([])
  })

  it('ends where the model has no more room', async () => {
    expect(await answer(await open(), prompt, { maxPositions: prompt.length + 2 })).toEqual(
      expected.slice(0, 3),
    )
    expect(await answer(await open(), prompt, { maxPositions: prompt.length })).toEqual(expected.slice(0, 1))
  })

  it('is refused, not empty, where the prompt itself has no room', async () => {
    const context = await open()
    const long = Array.from({ length: 601 }, () => 1)
    await expect(answer(context, long)).rejects.toThrow(
      'prompt: 601 positions, the model has room for 600. Ask a shorter question.',
    )
  })

  it('can be stopped', async () => {
    const context = await open()
    const abort = new AbortController()
    const tokens: number[] = []
    const options = { maxNewTokens: 6, endTokenIds: [], maxPositions: 600, signal: abort.signal }
    const stopped = (async () => {
      for await (const token of greedy(context, prompt, options)) {
        tokens.push(token)
        if (tokens.length === 2) abort.abort()
      }
    })()
    await expect(stopped).rejects.toThrow('aborted')
    expect(tokens).toEqual(expected.slice(0, 2))
    expect(await answer(context, prompt)).toEqual(expected)
  })
})

it('the largest of equals is the first', () => {
  expect(argmax(Float32Array.of(-3, 7, 2, 7))).toBe(1)
  expect(argmax(Float32Array.of(Number.NEGATIVE_INFINITY, -1e30))).toBe(1)
  expect(argmax(Float32Array.of(5))).toBe(0)
})
