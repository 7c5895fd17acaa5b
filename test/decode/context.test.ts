import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { Context } from '../../src/decode/context.ts'
import type { Reading } from '../../src/decode/probe.ts'
import type { DecoderSessions } from '../../src/decode/sessions.ts'
import type { Prompt } from '../../src/models/model.ts'
import type { Engine, Session } from '../../src/onnx/session.ts'
import { randomNumbers } from '../onnx/array.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { openTinyLlama, randomImage, runPlainly, type TinyLlama, tinyLlama } from './plain-llama.ts'
import { unwrittenIsNaN } from './unwritten.ts'
import { wrongBeyond } from './wrong-device.ts'

const opened: DecoderSessions[] = []
afterEach(() => Promise.all(opened.splice(0).map(sessions => sessions.release())))

async function open(
  model: TinyLlama = tinyLlama(),
  around?: (engine: Engine) => Engine,
): Promise<DecoderSessions> {
  const sessions = await openTinyLlama(model, temporaryFolder(), around)
  opened.push(sessions)
  return sessions
}

/** Tokens below 23, the same for a seed. */
function tokens(count: number, seed = 1): number[] {
  const next = randomNumbers(seed)
  return Array.from({ length: count }, () => Math.floor((next() + 1) * 11.5))
}

/** The largest difference, as a share of the largest expected value. */
function error(actual: Float32Array, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length)
  const largest = Math.max(...expected.map(Math.abs))
  return Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number)))) / largest
}

const tolerance = 1e-5

/** What follows a prompt: logits after it, by way of the cache. */
async function logitsOf(context: Context, prompt: Prompt): Promise<Float32Array> {
  await context.hold(prompt.slice(0, -1))
  return context.append(prompt.slice(-1))
}

async function freshLogits(sessions: DecoderSessions, prompt: Prompt): Promise<number[]> {
  return [...(await logitsOf(new Context(sessions), prompt))]
}

/** Puts something around every run of the decoder. */
const aroundDecoder =
  (run: (decode: Session['run'], ...args: Parameters<Session['run']>) => ReturnType<Session['run']>) =>
  (engine: Engine): Engine => ({
    device: engine.device,
    copiesWeights: false,
    async open(graph) {
      const session = await engine.open(graph)
      if (!('logits' in graph.outputs)) return session
      return { ...session, run: (...args) => run(session.run, ...args) }
    },
  })

/** Collects how many positions each run of the decoder was given. */
function counting(): { runs: number[]; around: (engine: Engine) => Engine } {
  const runs: number[] = []
  const around = aroundDecoder((decode, feeds, into) => {
    runs.push(feeds.inputs_embeds?.shape[0] as number)
    return decode(feeds, into)
  })
  return { runs, around }
}

describe('a context computes what Llama written out computes', () => {
  it.each([
    { size: 4, heads: 4, kvHeads: 4 },
    { size: 8, heads: 4, kvHeads: 2 },
    { size: 12, heads: 6, kvHeads: 2 },
    { size: 16, heads: 2, kvHeads: 2 },
    { size: 20, heads: 4, kvHeads: 1 },
    { size: 2, heads: 3, kvHeads: 3 },
  ])('with $heads heads of $size over $kvHeads', async ({ size, heads, kvHeads }) => {
    const model = tinyLlama({ head_dim: size, num_attention_heads: heads, num_key_value_heads: kvHeads })
    const prompt = [...randomImage(9, 16, 5), ...tokens(6)]
    const expected = runPlainly(model, prompt)
    const context = new Context(await open(model))
    await context.hold(prompt.slice(0, -1))
    const attentions = await context.probe(prompt.at(-1)!, [1, 0])
    expect(error(attentions[0]!, expected.attentions[1]!)).toBeLessThan(tolerance)
    expect(error(attentions[1]!, expected.attentions[0]!)).toBeLessThan(tolerance)
    expect(error(await context.append(prompt.slice(-1)), expected.logits)).toBeLessThan(tolerance)
  })

  it('in both of its ways, probe and decoder, to the same logits', async () => {
    const model = tinyLlama()
    const sessions = await open(model)
    const prompt = tokens(1)
    const decoded = await freshLogits(sessions, prompt)
    const reading: Reading = { name: 'logits', build: ({ logits }) => logits }
    const rows = await new Context(sessions).probe(prompt[0]!, [], { reading })
    expect(error(Float32Array.from(rows.flatMap(row => [...row])), decoded)).toBeLessThan(tolerance)
  })

  it.each([
    { size: 4, heads: 4, kvHeads: 4 },
    { size: 8, heads: 4, kvHeads: 2 },
  ])('whatever lies where nothing was written yet, with $heads heads of $size over $kvHeads', async heads => {
    const { size: head_dim, heads: num_attention_heads, kvHeads: num_key_value_heads } = heads
    const model = tinyLlama({ head_dim, num_attention_heads, num_key_value_heads })
    const prompt = [...randomImage(70, 16, 5), ...tokens(6)]
    const read = async (sessions: DecoderSessions) => {
      const context = new Context(sessions)
      context.keepLayerInputs()
      await context.hold(prompt.slice(0, 40))
      const before = await logitsOf(context, prompt)
      const gradient = await context.inputGradient()
      // A shorter prompt leaves places behind that held something.
      await context.hold(prompt.slice(0, 50))
      return [before, gradient, ...(await context.probe(7, [0, 1])), await context.append([7])]
    }
    const found = await read(await open(model, unwrittenIsNaN))
    expect(error(found[0]!, runPlainly(model, prompt).logits)).toBeLessThan(tolerance)
    expect(found).toEqual(await read(await open(model)))
  })

  it('for a prompt of one position', async () => {
    const model = tinyLlama()
    const context = new Context(await open(model))
    expect(await context.probe(7, [0])).toEqual([Float32Array.of(1)])
    expect(error(await logitsOf(context, [7]), runPlainly(model, [7]).logits)).toBeLessThan(tolerance)
  })
})

describe('a context goes from prompt to prompt', () => {
  it('as if it had held nothing before', async () => {
    const model = tinyLlama()
    const { runs, around } = counting()
    const sessions = await open(model, around)
    const image = randomImage(12, 16, 3)
    const a = [1, ...image, ...tokens(9, 1)]
    const b = [1, ...image, ...tokens(5, 2)]
    const context = new Context(sessions)
    await logitsOf(context, a)
    runs.length = 0
    const logits = await logitsOf(context, b)
    expect(runs).toEqual([4, 1])
    expect(context.length).toBe(b.length)
    expect(error(logits, await freshLogits(sessions, b))).toBeLessThan(tolerance)
    expect(error(logits, runPlainly(model, b).logits)).toBeLessThan(tolerance)
  })

  it('to a beginning of what it holds without running anything', async () => {
    const { runs, around } = counting()
    const context = new Context(await open(tinyLlama(), around))
    const prompt = tokens(8)
    await context.hold(prompt)
    const before = await context.probe(3, [1])
    await context.hold([])
    expect(context.length).toBe(0)
    await context.hold(prompt)
    expect(runs).toEqual([8, 8])
    await context.hold(prompt.slice(0, 5))
    await context.hold(prompt.slice(0, 5))
    expect([runs.length, context.length]).toEqual([2, 5])
    await context.hold(prompt)
    expect(error((await context.probe(3, [1]))[0]!, [...before[0]!])).toBeLessThan(tolerance)
  })

  it('telling pictures apart by what they are, not by what they look like', async () => {
    const { runs, around } = counting()
    const model = tinyLlama()
    const context = new Context(await open(model, around))
    const [image, same] = [randomImage(4, 16, 3), randomImage(4, 16, 3)]
    await context.hold([...image, 1])
    await context.hold([...same, 1])
    await context.hold([...same.slice(0, 3), 2])
    expect(runs).toEqual([5, 5, 1])
  })

  it('in any order', async () => {
    const model = tinyLlama()
    const sessions = await open(model)
    const image = randomImage(3, 16, 9)
    const ids = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 5 })
    const step = fc.record({ image: fc.boolean(), ids, more: ids, clear: fc.boolean() })
    const property = fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async steps => {
      const context = new Context(sessions)
      for (const { image: withImage, ids, more, clear } of steps) {
        if (clear) context.clear()
        const prompt = [...(withImage ? image : []), ...ids]
        await context.hold(prompt)
        const whole = [...prompt, ...more]
        const attention = (await context.probe(5, [1]))[0]!
        expect(error(attention, runPlainly(model, [...prompt, 5]).attentions[1]!)).toBeLessThan(tolerance)
        expect(error(await context.append(more), runPlainly(model, whole).logits)).toBeLessThan(tolerance)
        expect(context.length).toBe(whole.length)
      }
    })
    await fc.assert(property, { numRuns: 15 })
  })
})

it('a prompt is decoded in pieces on a device that is wrong about many positions at once', async () => {
  const model = tinyLlama()
  const runs: number[] = []
  const context = new Context(
    await open(
      model,
      wrongBeyond(31, positions => runs.push(positions)),
    ),
  )
  const whole = new Context(await open(model))
  const prompt = [...randomImage(70, 16, 3), ...tokens(30)]
  for (const one of [context, whole]) one.keepLayerInputs()
  const logits = await context.append(prompt)
  expect(runs.slice(-4)).toEqual([31, 31, 31, 7])
  expect(error(logits, runPlainly(model, prompt).logits)).toBeLessThan(tolerance)
  await whole.hold(prompt)
  const expected = [...(await whole.inputGradient())]
  expect(error(await context.inputGradient(), expected)).toBeLessThan(tolerance)
})

describe('a context grows', () => {
  it('by 64 places and keeps what it holds', async () => {
    const model = tinyLlama({ num_hidden_layers: 1, num_attention_heads: 1, num_key_value_heads: 1 })
    const context = new Context(await open(model))
    const bytes = (places: number): number => 2 * places * 8 * 4
    expect(context.bytes).toBe(0)
    const prompt = tokens(514)
    await context.hold(prompt.slice(0, 255))
    expect(context.bytes).toBe(bytes(256))
    expect(
      error(await context.append(prompt.slice(255, 256)), runPlainly(model, prompt.slice(0, 256)).logits),
    ).toBeLessThan(tolerance)
    expect(context.bytes).toBe(bytes(256))
    expect(
      error(await context.append(prompt.slice(256, 257)), runPlainly(model, prompt.slice(0, 257)).logits),
    ).toBeLessThan(tolerance)
    expect(context.bytes).toBe(bytes(320))
    const expected = runPlainly(model, prompt)
    await context.hold(prompt.slice(0, -1))
    expect(error((await context.probe(prompt.at(-1)!, [0]))[0]!, expected.attentions[0]!)).toBeLessThan(
      tolerance,
    )
    expect(error(await context.append(prompt.slice(-1)), expected.logits)).toBeLessThan(tolerance)
    expect(context.bytes).toBe(bytes(576))
    context.clear()
    expect([context.bytes, context.length]).toEqual([0, 0])
  })

  it('with several heads and layers as with one', async () => {
    const sessions = await open(tinyLlama({ num_attention_heads: 6, num_key_value_heads: 3 }))
    const prompt = tokens(300)
    const context = new Context(sessions)
    await context.hold(prompt.slice(0, 200))
    await context.hold(prompt.slice(0, 290))
    expect(error(await logitsOf(context, prompt), await freshLogits(sessions, prompt))).toBeLessThan(
      tolerance,
    )
  })
})

it('a single position is not given the whole cache back', async () => {
  const shapes: (readonly number[])[] = []
  const around = aroundDecoder(async (decode, feeds, into) => {
    const results = await decode(feeds, into)
    if (feeds.inputs_embeds?.shape[0] === 1) shapes.push(...Object.values(results).map(({ shape }) => shape))
    return results
  })
  const context = new Context(await open(tinyLlama(), around))
  await context.hold(tokens(30))
  await context.append([7])
  const [logits, row, hidden] = [
    [1, 23],
    [2, 1, 8],
    [1, 16],
  ]
  expect(shapes).toEqual([logits, row, row, row, row, hidden])
})

describe('nothing is lost', () => {
  const a = tokens(10, 1)
  const b = [...a.slice(0, 4), ...tokens(5, 2)]

  /** Holds A, fails with what the caller does, and checks that A is still held and B still right. */
  async function check(
    sessions: DecoderSessions,
    runs: number[],
    fail: (context: Context) => Promise<unknown>,
  ) {
    const context = new Context(sessions)
    await context.hold(a)
    await fail(context)
    expect(context.length).toBe(a.length)
    runs.length = 0
    await context.hold(a)
    expect(runs).toEqual([])
    expect(error(await logitsOf(context, b), await freshLogits(sessions, b))).toBeLessThan(tolerance)
  }

  it('by an abort before a prompt', async () => {
    const { runs, around } = counting()
    await check(await open(tinyLlama(), around), runs, async context => {
      await expect(context.hold(b, AbortSignal.abort())).rejects.toThrow('aborted')
      await expect(context.append(b, AbortSignal.abort())).rejects.toThrow('aborted')
      await expect(context.probe(1, [0], { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
    })
  })

  it('by an abort after the embedding', async () => {
    const { runs, around } = counting()
    let abort: AbortController | null = null
    const sessions = await open(tinyLlama(), engine => ({
      ...around(engine),
      async open(graph) {
        const session = await around(engine).open(graph)
        const run: Session['run'] = (...args) => {
          if (Object.keys(graph.outputs).join() === 'inputs_embeds') abort?.abort()
          return session.run(...args)
        }
        return { ...session, run }
      },
    }))
    await check(sessions, runs, async context => {
      abort = new AbortController()
      // Long enough to make the cache grow, had it come to that.
      await expect(context.hold([...b, ...tokens(400)], abort.signal)).rejects.toThrow('aborted')
      abort = null
    })
  })

  it('by a prompt longer than the model can hold', async () => {
    const { runs, around } = counting()
    await check(await open(tinyLlama({ max_position_embeddings: 12 }), around), runs, async context => {
      const message = 'prompt: 13 positions, the model has room for 12. Ask a shorter question.'
      await expect(context.hold([...b, ...tokens(4)])).rejects.toThrow(message)
      await expect(context.append(tokens(3))).rejects.toThrow(message)
    })
  })

  it('by a probe behind the last position', async () => {
    const { runs, around } = counting()
    await check(await open(tinyLlama({ max_position_embeddings: 10 }), around), runs, async context => {
      await expect(context.probe(1, [0])).rejects.toThrow('prompt: 11 positions, the model has room for 10.')
    })
  })

  it.each([23, -1, 1.5, Number.NaN])('by token %s, which is none', async token => {
    const { runs, around } = counting()
    await check(await open(tinyLlama(), around), runs, async context => {
      const message = `token ${token} is outside the vocabulary of 23. Do tokenizer.json and config.json belong together?`
      await expect(context.hold([...a.slice(0, 3), token])).rejects.toThrow(message)
      await expect(context.append([token])).rejects.toThrow(message)
      await expect(context.probe(token, [0])).rejects.toThrow(message)
    })
  })
})

describe('a context stays right', () => {
  it('after a run that failed halfway', async () => {
    const model = tinyLlama()
    let failing = false
    const sessions = await open(
      model,
      aroundDecoder(async (decode, feeds, into) => {
        const results = await decode(feeds, into)
        if (failing) throw new Error('device lost')
        return results
      }),
    )
    const context = new Context(sessions)
    const prompt = tokens(9)
    await context.hold(prompt)
    failing = true
    await expect(context.hold([...prompt.slice(0, 4), 5, 6])).rejects.toThrow('device lost')
    failing = false
    expect(context.length).toBe(4)
    expect(error(await logitsOf(context, prompt), runPlainly(model, prompt).logits)).toBeLessThan(tolerance)
  })

  it('when it is cleared during a run, and says so', async () => {
    const model = tinyLlama()
    const context: Context = new Context(
      await open(
        model,
        aroundDecoder((decode, feeds, into) => {
          if (feeds.inputs_embeds?.shape[0] === 5) context.clear()
          return decode(feeds, into)
        }),
      ),
    )
    const prompt = tokens(6)
    await expect(context.hold(prompt.slice(0, 5))).rejects.toThrow(
      'context: cleared while in use. Wait for its answers first.',
    )
    expect(context.length).toBe(0)
    await context.hold(prompt.slice(0, 4))
    expect(error(await context.append(prompt.slice(4)), runPlainly(model, prompt).logits)).toBeLessThan(
      tolerance,
    )
  })
})
