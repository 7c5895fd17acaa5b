import { realpath } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import { askThroughQueue } from '../bench/queue/queue-node.ts'
import type { QueuedRun } from '../bench/queue/queue-schema.ts'
import { connectRedis } from '../bench/queue/redis-node.ts'
import { vicropVersion } from '../bench/run/facts-node.ts'
import { canonical, questionsHash, sha256 } from '../bench/run/key-node.ts'
import { type Counts, counting, type Job, type JobFlags, type Planned } from './bench-plan.ts'

/** Has workers ask one model all that is planned. */
export async function askElsewhere(planned: readonly Planned[], job: Job): Promise<Counts[]> {
  const redis = await connectRedis(job.flags.queue as string)
  try {
    const counts: Counts[] = []
    for (const one of planned) counts.push(await askOne(one, redis, job))
    return counts
  } finally {
    redis.disconnect()
  }
}

async function askOne(planned: Planned, redis: Redis, job: Job): Promise<Counts> {
  const { known, plan } = planned
  const { flags, signal, results, progress } = job
  const { counts, onAnswers } = counting(planned, progress)
  if (plan.pending === 0) return counts
  const run = await queuedRun(planned, flags)
  await askThroughQueue({ redis, run, tasks: plan.tasks, model: known.name, results, signal, onAnswers })
  return counts
}

/** A run of the same questions into another folder, or into other files of it, has a queue of its own. */
async function queuedRun(
  { known, open, settings, ways }: Planned,
  { out, shard, ratios = false, answerer: url, answererModel: model, parallel }: JobFlags,
): Promise<QueuedRun> {
  const { name } = open.benchmark
  const run = {
    version: vicropVersion,
    benchmark: { name, hash: questionsHash(open.questions) },
    model: { name: known.name, hash: known.hash },
    settings,
    ways,
    ratios,
  }
  const id = sha256(canonical({ ...run, shard, out: await realpath(out) })).slice(0, 16)
  // Where the answerer is asked is no part of the name: run again with the right address, it is the same run.
  const answerer = url !== undefined && model !== undefined && { answerer: { url, model, parallel } }
  return { name: `${name}-${id}`, ...run, ...answerer }
}
