const absent = /Cannot find package '(?:bullmq|ioredis)'/

/**
 * Loads what goes through a queue, for which vicrop brings no packages: few have a Redis server.
 *
 * @throws an error of one sentence if they are not installed
 */
export async function withQueuePackages<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!absent.test((error as Error).message)) throw error
    throw new Error(
      '--queue: the packages bullmq and ioredis are not here. Install them where vicrop is: npm install bullmq ioredis (-g if vicrop is a global package).',
    )
  }
}
