import type { LanguageModel } from '../models/model.ts'
import type { Engine, Session } from '../onnx/session.ts'

/** The sessions of one language model, opened when first needed and shared by every picture. */
export interface DecoderSessions {
  readonly language: LanguageModel
  embed(): Promise<Session>
  decode(): Promise<Session>
  probe(layers: readonly number[], withLogits: boolean): Promise<Session>
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
    probe: (layers, withLogits) =>
      once(`probe ${layers} ${withLogits}`, () => engine.open(language.probe(layers, withLogits))),
    async release() {
      const sessions = await Promise.allSettled(opened.values())
      opened.clear()
      await Promise.all(
        sessions.map(session => (session.status === 'fulfilled' ? session.value.release() : undefined)),
      )
    },
  }
}
