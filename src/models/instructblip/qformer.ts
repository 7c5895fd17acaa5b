import { add, concat, reshape, runtimeSize, slice, sliceTo, transpose } from '../../graph/ops.ts'
import { dimension, type Tensor } from '../../graph/tensor.ts'
import { activations } from '../../nn/activation.ts'
import { attend } from '../../nn/attention.ts'
import { linear } from '../../nn/linear.ts'
import { layerNorm } from '../../nn/norm.ts'
import { type Weights, within } from '../../nn/weights.ts'
import type { QFormerConfig } from './config.ts'

// T query tokens · S tokens of the instruction · F features of the picture, E wide · C width · H heads · D head size

/**
 * The Q-Former (Li et al. 2023) with the instruction (Dai et al. 2023): query tokens and instruction attend to each other
 * as in BERT, and in some layers the query tokens attend to the picture.
 *
 * @param features [F,E]
 * @param instructionIds int64 [S]
 * @param queryTokens [T,C]
 * @returns `queries` [T,C], and of each layer that attends to the picture its `attentions` [H,T,F]
 */
export function qformer(
  features: Tensor,
  instructionIds: Tensor,
  queryTokens: Tensor,
  weights: Weights,
  config: QFormerConfig,
): { queries: Tensor; attentions: Tensor[] } {
  const count = dimension(queryTokens, 0) as number
  const attentions: Tensor[] = []
  let x = embed(instructionIds, queryTokens, weights.at('embeddings'), config)
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = weights.at(`encoder.layer.${i}`)
    // Nobody reads what the last layer makes of the instruction.
    const rows = i === config.num_hidden_layers - 1 ? slice(x, 0, 0, count) : x
    x = within(layer, () => {
      const attended = attention(rows, x, layer.at('attention'), config).output
      let queries = slice(attended, 0, 0, count)
      if (i % config.cross_attention_frequency === 0) {
        const crossed = attention(queries, features, layer.at('crossattention'), config)
        attentions.push(crossed.probabilities)
        queries = crossed.output
      }
      const next = feedForward(queries, layer.at('intermediate_query'), layer.at('output_query'), config)
      if (rows !== x) return next
      const words = slice(attended, 0, count)
      return concat([next, feedForward(words, layer.at('intermediate'), layer.at('output'), config)], 0)
    })
  }
  return { queries: x, attentions }
}

/** Query tokens, which have no positions, and the instruction, which has: [T+S,C]. */
function embed(ids: Tensor, queryTokens: Tensor, weights: Weights, config: QFormerConfig): Tensor {
  const { hidden_size: width, vocab_size: words, max_position_embeddings: positions } = config
  const embedded = within(weights, () => {
    const table = weights.get('position_embeddings.weight', [positions, width])
    const size = dimension(ids, 0)
    const placed = add(
      weights.rows('word_embeddings.weight', [words, width], ids),
      sliceTo(table, 0, runtimeSize(size, ids), size),
    )
    return concat([queryTokens, placed], 0)
  })
  return layerNorm(embedded, weights.at('layernorm'), config.layer_norm_eps)
}

/** Rows x [R,C] attend to `seen` [F,E]: `output` [R,C] and `probabilities` [H,R,F]. */
function attention(
  x: Tensor,
  seen: Tensor,
  weights: Weights,
  config: QFormerConfig,
): { output: Tensor; probabilities: Tensor } {
  const { hidden_size: width, num_attention_heads: heads, layer_norm_eps: epsilon } = config
  const headSize = width / heads
  const own = weights.at('attention')
  const split = (rows: Tensor, name: string): Tensor => {
    const all = linear(rows, own.at(name), width)
    return transpose(reshape(all, [dimension(rows, 0), heads, headSize]), [1, 0, 2])
  }
  const [q, k, v] = [split(x, 'query'), split(seen, 'key'), split(seen, 'value')]
  const { attended, probabilities } = within(own, () => attend(q, k, v, headSize ** -0.5))
  const joined = reshape(transpose(attended, [1, 0, 2]), x.shape)
  return { output: outputLayer(joined, x, weights.at('output'), epsilon), probabilities }
}

function feedForward(x: Tensor, inner: Weights, outer: Weights, config: QFormerConfig): Tensor {
  const { intermediate_size: innerSize, hidden_act: act, layer_norm_eps: epsilon } = config
  const hidden = linear(x, inner.at('dense'), innerSize)
  return outputLayer(
    within(inner, () => activations[act](hidden)),
    x,
    outer,
    epsilon,
  )
}

/** A linear layer, added to what it was made of, and the norm of both. */
function outputLayer(x: Tensor, residual: Tensor, weights: Weights, epsilon: number): Tensor {
  return within(weights, () => {
    const made = linear(x, weights.at('dense'), dimension(residual, -1) as number)
    return layerNorm(add(made, residual), weights.at('LayerNorm'), epsilon)
  })
}
