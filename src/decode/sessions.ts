import { inputsOf } from '../graph/graph.ts'
import { argMax, input } from '../graph/ops.ts'
import { scoped } from '../graph/tensor.ts'
import type { LanguageModel } from '../models/model.ts'
import type { Engine, Session, Values } from '../onnx/session.ts'
import type { Reading } from './probe.ts'

/** The sessions of one language model, opened when first needed and shared by every picture. */
export interface DecoderSessions {
  readonly language: LanguageModel
  embed(): Promise<Session>
  decode(): Promise<Session>
  /**
   * `attentions` [L,n+1]: a reading of the layers asked for. The session takes of its feeds what these layers need.
   * @param target whether the target is fed, as `target`; otherwise it is the likeliest token
   */
  probe(reading: Reading, layers: readonly number[], target: 'fed' | 'likeliest'): Promise<Session>
  release(): Promise<void>
}

export function decoderSessions(engine: Engine, language: LanguageModel): DecoderSessions {
  const opened = new Map<string, Promise<Session>>()
  const once = (key: string, open: () => Promise<Session>): Promise<Session> => {
    const known = opened.get(key)
    if (known !== undefined) return known
    const session = open()
    opened.set(key, session)
    // What failed may succeed later, when there is memory again.
    session.catch(() => opened.delete(key))
    return session
  }
  return {
    language,
    embed: () => once('embed', () => engine.open(language.embed())),
    decode: () => once('decode', () => engine.open(language.decode())),
    probe: (reading, layers, target) =>
      once(`${reading.name} ${layers} ${target}`, () => openProbe(engine, language, reading, layers, target)),
    async release() {
      const sessions = await Promise.allSettled(opened.values())
      opened.clear()
      await Promise.all(
        sessions.map(session => (session.status === 'fulfilled' ? session.value.release() : undefined)),
      )
    },
  }
}

async function openProbe(
  engine: Engine,
  language: LanguageModel,
  reading: Reading,
  layers: readonly number[],
  target: 'fed' | 'likeliest',
): Promise<Session> {
  const probe = language.probe()
  const token = target === 'fed' ? input('target', 'int64', [1]) : argMax(probe.logits)
  const attentions = scoped(reading.name, () => reading.build(probe, layers, token))
  const graph = { outputs: { attentions } }
  const session = await engine.open(graph)
  const names = new Set(inputsOf(graph).map(x => x.node.value as string))
  const needed = (feeds: Values): Values =>
    Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name)))
  return { ...session, run: (feeds, into) => session.run(needed(feeds), into) }
}
