import type { Graph } from '../graph/graph.ts'
import type { Engine, OpenOptions, Session } from './session.ts'

/** Sessions that are opened when first needed, and once. */
export interface SessionCache {
  /** @param key tells graphs apart; `build` is called once for each */
  open(key: string, build: () => Graph, options?: OpenOptions): Promise<Session>
  /** Closes them all; what is asked for later is opened anew. */
  release(): Promise<void>
}

export function sessionCache(engine: Engine): SessionCache {
  const opened = new Map<string, Promise<Session>>()
  return {
    open(key, build, options) {
      const known = opened.get(key)
      if (known !== undefined) return known
      const session = engine.open(build(), options)
      opened.set(key, session)
      // What failed may succeed later, when there is memory again.
      session.catch(() => opened.delete(key))
      return session
    },
    async release() {
      const sessions = await Promise.allSettled(opened.values())
      opened.clear()
      await Promise.all(
        sessions.map(session => (session.status === 'fulfilled' ? session.value.release() : undefined)),
      )
    },
  }
}
