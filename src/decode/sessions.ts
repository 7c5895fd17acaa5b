import { type Backward, backwardPass } from '../backward.ts'
import type { Chain } from '../grad/chain.ts'
import type { Graph } from '../graph/graph.ts'
import { argMax, input } from '../graph/ops.ts'
import { scoped, type Tensor } from '../graph/tensor.ts'
import type { LanguageModel } from '../models/model.ts'
import { type Engine, onlyOutputs, type Session } from '../onnx/session.ts'
import { sessionCache } from '../onnx/session-cache.ts'
import { positionsAtOnce } from './device-check.ts'
import { logProbability, type Reading } from './probe.ts'

/** Where the token comes from that is explained: fed as `target`, or the likeliest of the logits. */
export type TargetSource = 'fed' | 'likeliest'

/** The sessions of one language model, opened when first needed and shared by every picture. */
export interface DecoderSessions {
  readonly language: LanguageModel
  embed(): Promise<Session>
  /** With `hidden`, the inputs of the layers are outputs too. */
  decode(options?: { readonly hidden: boolean }): Promise<Session>
  /** The same of one position, its keys and values apart from the cache; null where there is only the other. */
  step(): Promise<Session> | null
  /** How many new positions the decoder gets right in one run. */
  positionsAtOnce(): Promise<number>
  /** `attentions` [L,n+1]: a reading of the layers asked for. */
  probe(reading: Reading, layers: readonly number[], target: TargetSource): Promise<Session>
  /** From the log probability of the target after a prompt down to the prompt's rows. */
  backward(target: TargetSource): Backward
  release(): Promise<void>
}

export function decoderSessions(engine: Engine, language: LanguageModel): DecoderSessions {
  const cache = sessionCache(engine)
  let atOnce: Promise<number> | null = null
  const passes = new Map<TargetSource, Backward>()
  const backward = (target: TargetSource): Backward =>
    backwardPass(`backward from the ${target} token`, promptChain(language, target), cache)
  return {
    language,
    embed: () => cache.open('embed', language.embed, { host: true }),
    async decode({ hidden } = { hidden: false }) {
      // Where a second session would be a second copy of the model, one serves both.
      const withHidden = hidden || engine.copiesWeights
      const build = (): Graph => language.decode({ hidden: withHidden })
      const session = await cache.open(`decode ${withHidden}`, build)
      return withHidden && !hidden ? onlyOutputs(session, plainOutputs(language)) : session
    },
    // Where a second session would be a second copy of the model, `decode` takes single positions too.
    step: () => (engine.copiesWeights ? null : cache.open('step', language.step)),
    positionsAtOnce() {
      atOnce ??= positionsAtOnce(engine)
      // What failed may succeed later.
      atOnce.catch(() => {
        atOnce = null
      })
      return atOnce
    },
    probe: (reading, layers, target) =>
      cache.open(`${reading.name} ${layers} ${target}`, () => probeGraph(language, reading, layers, target), {
        host: true,
      }),
    backward(target) {
      const pass = passes.get(target) ?? backward(target)
      passes.set(target, pass)
      return pass
    },
    release: cache.release,
  }
}

const plainOutputs = ({ layers }: LanguageModel): string[] => [
  'logits',
  ...Array.from({ length: layers }, (_, i) => [`key.${i}.out`, `value.${i}.out`]).flat(),
]

function probeGraph(
  language: LanguageModel,
  reading: Reading,
  layers: readonly number[],
  source: TargetSource,
): Graph {
  const probe = language.probe()
  const target = targetToken(probe.logits, source)
  return { outputs: { attentions: scoped(reading.name, () => reading.build(probe, layers, target)) } }
}

function promptChain(language: LanguageModel, source: TargetSource): Chain {
  const { cuts, known = [], logits } = language.unroll()
  return { cuts: { ...cuts, v: logProbability(logits, targetToken(logits, source)) }, known }
}

const targetToken = (logits: Tensor, source: TargetSource): Tensor =>
  source === 'fed' ? input('target', 'int64', [1]) : argMax(logits)
