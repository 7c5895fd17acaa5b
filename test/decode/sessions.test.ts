import { describe, expect, it } from 'vitest'
import type { Reading } from '../../src/decode/probe.ts'
import { decoderSessions } from '../../src/decode/sessions.ts'
import { input } from '../../src/graph/ops.ts'
import type { LanguageModel } from '../../src/models/model.ts'
import type { Engine, Session } from '../../src/onnx/session.ts'

const graph = (name: string) => ({ outputs: { [name]: input(name, 'float32', []) } })

const language: LanguageModel = {
  layers: 4,
  hiddenSize: 1,
  vocabularySize: 1,
  maxPositions: 1,
  headSize: 2,
  cache: { kvHeads: 1, headSize: 8 },
  rotaryTables: () => ({ cos: new Float32Array(), sin: new Float32Array() }),
  embed: () => graph('embed'),
  decode: () => graph('decode'),
  step: () => graph('step'),
  probe: () => ({ attentions: [], logits: input('logits', 'float32', [1, 1]) }),
  unroll: () => ({ cuts: {}, logits: input('logits', 'float32', [1, 1]) }),
}

const reading = (name: string): Reading => ({ name, build: ({ logits }) => logits })

/** An engine that notes what it opens and releases, and fails as often as it is told to. */
function notingEngine(failures = 0, copiesWeights = false): { engine: Engine; notes: string[] } {
  const notes: string[] = []
  let left = failures
  const open: Engine['open'] = async ({ outputs }, { host = false } = {}) => {
    const name = Object.keys(outputs).join()
    if (left-- > 0) throw new Error(`no memory for ${name}`)
    notes.push(`open ${name}${host && copiesWeights ? ' on the host' : ''}`)
    const release = async (): Promise<void> => {
      notes.push(`release ${name}`)
    }
    const run: Session['run'] = async (_, __, wanted) => {
      notes.push(`run ${name} for ${wanted ?? 'all'}`)
      return {}
    }
    return { run, release } satisfies Session
  }
  return { engine: { device: copiesWeights ? 'webgpu' : 'cpu', copiesWeights, open }, notes }
}

describe('the sessions of a decoder', () => {
  it('are opened when first asked for, and once', async () => {
    const { engine, notes } = notingEngine()
    const sessions = decoderSessions(engine, language)
    expect(notes).toEqual([])
    const both = await Promise.all([sessions.decode(), sessions.decode()])
    expect(both[0]).toBe(both[1])
    for (const layers of [[1, 2], [12], [1, 2]]) await sessions.probe(reading('a'), layers, 'likeliest')
    await sessions.probe(reading('b'), [12], 'likeliest')
    await sessions.probe(reading('b'), [12], 'fed')
    await sessions.embed()
    await sessions.step()
    expect(notes).toEqual(['open decode', ...Array(4).fill('open attentions'), 'open embed', 'open step'])
  })

  it('are one for prompts of every kind where each would copy the weights, the small ones on the host', async () => {
    const { engine, notes } = notingEngine(0, true)
    const sessions = decoderSessions(engine, { ...language, layers: 1 })
    await (await sessions.decode()).run({})
    await (await sessions.decode({ hidden: true })).run({})
    expect(sessions.step()).toBe(null)
    await sessions.embed()
    await sessions.probe(reading('a'), [0], 'fed')
    expect(notes).toEqual([
      'open decode',
      'run decode for logits,key.0.out,value.0.out',
      'run decode for all',
      'open embed on the host',
      'open attentions on the host',
    ])
  })

  it('are tried again when they could not be opened', async () => {
    const { engine, notes } = notingEngine(1)
    const sessions = decoderSessions(engine, language)
    await expect(sessions.decode()).rejects.toThrow('no memory for decode')
    await sessions.decode()
    expect(notes).toEqual(['open decode'])
  })

  it('are all released, also those that are still being opened, and none twice', async () => {
    const { engine, notes } = notingEngine(1)
    const sessions = decoderSessions(engine, language)
    const failed = sessions.embed()
    await sessions.decode()
    const opening = sessions.probe(reading('a'), [0], 'likeliest')
    await Promise.all([sessions.release(), expect(failed).rejects.toThrow('no memory')])
    await opening
    await sessions.release()
    expect(notes).toEqual(['open decode', 'open attentions', 'release decode', 'release attentions'])
  })
})
