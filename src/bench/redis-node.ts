import { Redis } from 'ioredis'

/** In Redis, before the names of queues and of what else is kept. */
export const prefix = 'vicrop'

/** A hash: what runs there are, by the names of their queues. */
export const runsKey = 'vicrop:runs'

/** Milliseconds between two tries to reach a server that went away. */
const longestWait = 2000

/**
 * Connects to a Redis server. Later it is reached again whenever it went away, and what was asked of it meanwhile is done
 * then.
 *
 * @throws an error of one sentence if it cannot be reached now
 */
export async function connectRedis(url: string): Promise<Redis> {
  let isKnown = false
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: tries => (isKnown ? Math.min(100 * tries, longestWait) : null),
  })
  let problem: Error | null = null
  redis.on('error', error => {
    problem = error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    redis.disconnect()
    const reason = (problem ?? (error as Error)).message
    throw new Error(
      `${serverOf(url)}: cannot be used (${reason}). Is it the address of a Redis server, with its password if it has one?`,
    )
  }
  isKnown = true
  return redis
}

/** An address without the password that it may have. */
function serverOf(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
