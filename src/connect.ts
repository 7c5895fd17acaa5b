import { type Backward, backwardPass } from './backward.ts'
import type { MapReading } from './decode/probe.ts'
import { forwardTo } from './grad/chain.ts'
import { vjp } from './grad/grad.ts'
import type { Graph } from './graph/graph.ts'
import { concat, input, reduceMean, reshape } from './graph/ops.ts'
import { scoped, type Tensor } from './graph/tensor.ts'
import { InputError } from './input-error.ts'
import type { ImageFeatures, QueryConnector } from './models/model.ts'
import { type Engine, float32Value, int64Value, type Session, type Values } from './onnx/session.ts'
import { sessionCache } from './onnx/session-cache.ts'
import type { Tokenizer } from './text/tokenizer.ts'

// From the features of a picture and an instruction to the query tokens that stand for it in a prompt.
// Q query tokens · T features of the picture, E wide · C width of the language model · K layers asked for

/** The sessions of a connector that depends on the question, opened when first needed. */
export interface ConnectorSessions {
  readonly connector: QueryConnector
  /** What all of them are fed: `image_features` [1,T,E] and `instruction_ids` [I]. */
  feeds(features: ImageFeatures, instruction: string): Values
  /** -> `query_features` [Q,C]. */
  connect(): Promise<Session>
  /** -> `attentions` [K,Q,T]: a reading of the layers asked for; one that weighs is fed `gradient` [Q,C] too. */
  attend(reading: MapReading, layers: readonly number[]): Promise<Session>
  /** From `query_features` down to `image_features`. */
  backward(): Backward
  release(): Promise<void>
}

export function connectorSessions(
  engine: Engine,
  connector: QueryConnector,
  tokenizer: Tokenizer,
): ConnectorSessions {
  const cache = sessionCache(engine)
  let backward: Backward | null = null
  return {
    connector,
    feeds: ({ data, rows, width }, instruction) => ({
      image_features: float32Value(data, [1, rows, width]),
      instruction_ids: int64Value(instructionIds(connector, tokenizer, instruction)),
    }),
    connect: () => cache.open('connect', () => forwardTo(connector.connect(), ['query_features'])),
    attend: (reading, layers) =>
      cache.open(`${reading.name} ${layers}`, () => attendGraph(connector, reading, layers), { host: true }),
    backward() {
      backward ??= backwardPass('backward', connector.connect(), cache)
      return backward
    },
    release: cache.release,
  }
}

function attendGraph(connector: QueryConnector, reading: MapReading, layers: readonly number[]): Graph {
  const { cuts, attentions } = connector.connect()
  const asked = layers.map(layer => attentions[layer] as Tensor)
  return { outputs: { attentions: scoped(reading.name, () => read(asked, cuts.query_features as Tensor)) } }

  function read(attentions: readonly Tensor[], queryFeatures: Tensor): Tensor {
    const { weigh } = reading
    if (weigh === null) return meansOverHeads(attentions)
    const gradient = input('gradient', 'float32', queryFeatures.shape)
    const gradients = vjp(queryFeatures, gradient, attentions)
    return meansOverHeads(attentions.map((attention, k) => weigh(attention, gradients[k] as Tensor)))
  }
}

/** [H,Q,T] each -> [K,Q,T]. */
const meansOverHeads = (attentions: readonly Tensor[]): Tensor =>
  concat(
    attentions.map(attention => {
      const mean = reduceMean(attention, 0)
      return reshape(mean, [1, ...mean.shape])
    }),
    0,
  )

function instructionIds(
  { tokenizer: { folder, vocabularySize, maxTokens } }: QueryConnector,
  tokenizer: Tokenizer,
  instruction: string,
): number[] {
  const ids = tokenizer.encode(instruction)
  if (ids.length > maxTokens) {
    throw new InputError(
      `instruction: ${ids.length} tokens, the connector has room for ${maxTokens}. Ask a shorter question.`,
    )
  }
  const unknown = ids.find(id => !(Number.isInteger(id) && id >= 0 && id < vocabularySize))
  if (unknown === undefined) return ids
  throw new Error(
    `instruction: token ${unknown} is outside the vocabulary of ${vocabularySize}. Do ${folder}/tokenizer.json and config.json belong together?`,
  )
}
