import { describe, expect, it } from 'vitest'
import { attention } from '../../src/decode/probe.ts'
import type { Graph } from '../../src/graph/graph.ts'
import * as ops from '../../src/graph/ops.ts'
import { print } from '../../src/graph/print.ts'
import { scoped } from '../../src/graph/tensor.ts'
import { llamaConfig } from '../../src/models/llama/config.ts'
import { llama } from '../../src/models/llama/language.ts'
import type { LanguageModel } from '../../src/models/model.ts'
import { activations } from '../../src/nn/activation.ts'
import { linear } from '../../src/nn/linear.ts'
import { type TensorStore, weightsAt } from '../../src/nn/weights.ts'

/** A checkpoint of given shapes, of which nothing but the names is ever read. */
function fakeStore(shapes: Readonly<Record<string, readonly number[]>>): TensorStore {
  return {
    has: name => name in shapes,
    find: name => ({
      name,
      file: 'model.safetensors',
      offset: 0,
      length: 0,
      dtype: 'float32',
      shape: shapes[name] as number[],
    }),
  }
}

describe('a graph prints as text', () => {
  it('of a small MLP', () => {
    const weights = weightsAt(
      fakeStore({ 'mlp.fc1.weight': [8, 4], 'mlp.fc1.bias': [8], 'mlp.fc2.weight': [2, 8] }),
      'mlp',
    )
    const x = ops.input('x', 'float32', ['B', 3, 4])
    const inner = scoped('mlp', () => activations.quick_gelu(linear(x, weights.at('fc1'), 8)))
    expect(print({ outputs: { y: linear(inner, weights.at('fc2'), 2) } })).toMatchInlineSnapshot(`
      "(x: float32[B,3,4])
        # mlp.fc1
        %0: float32[3*B,4] = Reshape(x, [-1,4])
        %1: float32[3*B,8] = Gemm(%0, "mlp.fc1.weight", "mlp.fc1.bias", transB=1)
        %2: float32[B,3,8] = Reshape(%1, [-1,3,8])
        # mlp
        %3: float32[B,3,8] = Mul(%2, 1.7020000219345093)
        %4: float32[B,3,8] = Sigmoid(%3)
        %5: float32[B,3,8] = Mul(%2, %4)
        # mlp.fc2
        %6: float32[3*B,8] = Reshape(%5, [-1,8])
        %7: float32[3*B,2] = Gemm(%6, "mlp.fc2.weight", transB=1)
        %8: float32[B,3,2] = Reshape(%7, [-1,3,2])
        return y = %8"
    `)
  })

  it('of one layer of Llama, from prompt to cache', () => {
    expect(print(tinyLlama().decode())).toMatchInlineSnapshot(`
      "(inputs_embeds: float32[S,12], cos: float32[S,1,6], sin: float32[S,1,6], key.0: float32[1,1,P,8], value.0: float32[1,1,P,8], last_position: int32[1], total_length: int32[])
        # model.layers.0
        %0: float32[1,12] = Slice(inputs_embeds, [-1], [9007199254740991], [0])
        # model.layers.0.input_layernorm
        %1: float32[S,12] = RMSNormalization(inputs_embeds, "model.layers.0.input_layernorm.weight", axis=-1, epsilon=0.000001)
        # model.layers.0.self_attn.q_proj
        %2: float32[S,12] = Gemm(%1, "model.layers.0.self_attn.q_proj.weight", transB=1)
        # model.layers.0.self_attn
        %3: float32[S,2,6] = Reshape(%2, [0,2,6])
        %4: float32[S,2,6] = Mul(%3, cos)
        %5: float32[S,2,3] = Slice(%3, [3], [9007199254740991], [2])
        %6: float32[S,2,3] = Neg(%5)
        %7: float32[S,2,3] = Slice(%3, [0], [3], [2])
        %8: float32[S,2,6] = Concat(%6, %7, axis=2)
        %9: float32[S,2,6] = Mul(%8, sin)
        %10: float32[S,2,6] = Add(%4, %9)
        %11: float32[S,2,8] = Pad(%10, [0,0,0,0,0,2], 0)
        %12: float32[1,S,16] = Reshape(%11, [1,-1,16])
        # model.layers.0.self_attn.k_proj
        %13: float32[S,6] = Gemm(%1, "model.layers.0.self_attn.k_proj.weight", transB=1)
        # model.layers.0.self_attn
        %14: float32[S,1,6] = Reshape(%13, [0,1,6])
        %15: float32[S,1,6] = Mul(%14, cos)
        %16: float32[S,1,3] = Slice(%14, [3], [9007199254740991], [2])
        %17: float32[S,1,3] = Neg(%16)
        %18: float32[S,1,3] = Slice(%14, [0], [3], [2])
        %19: float32[S,1,6] = Concat(%17, %18, axis=2)
        %20: float32[S,1,6] = Mul(%19, sin)
        %21: float32[S,1,6] = Add(%15, %20)
        %22: float32[S,1,8] = Pad(%21, [0,0,0,0,0,2], 0)
        %23: float32[1,S,8] = Reshape(%22, [1,-1,8])
        # model.layers.0.self_attn.v_proj
        %24: float32[S,6] = Gemm(%1, "model.layers.0.self_attn.v_proj.weight", transB=1)
        # model.layers.0.self_attn
        %25: float32[S,1,6] = Reshape(%24, [0,1,6])
        %26: float32[S,1,8] = Pad(%25, [0,0,0,0,0,2], 0)
        %27: float32[1,S,8] = Reshape(%26, [1,-1,8])
        %28.0: float32[1,S,16], %28.1: float32[1,1,P,8], %28.2: float32[1,1,P,8] = GroupQueryAttention(%12, %23, %27, key.0, value.0, last_position, total_length, num_heads=2, kv_num_heads=1, scale=0.408248290463863)
        %29: float32[S,2,8] = Reshape(%28.0, [-1,2,8])
        %30: float32[S,2,6] = Slice(%29, [0], [6], [2])
        %31: float32[1,2,6] = Slice(%30, [-1], [9007199254740991], [0])
        %32: float32[1,12] = Reshape(%31, [1,12])
        # model.layers.0.self_attn.o_proj
        %33: float32[1,12] = Gemm(%32, "model.layers.0.self_attn.o_proj.weight", transB=1)
        # model.layers.0
        %34: float32[1,12] = Add(%0, %33)
        # model.layers.0.post_attention_layernorm
        %35: float32[1,12] = RMSNormalization(%34, "model.layers.0.post_attention_layernorm.weight", axis=-1, epsilon=0.000001)
        # model.layers.0.mlp.gate_proj
        %36: float32[1,16] = Gemm(%35, "model.layers.0.mlp.gate_proj.weight", transB=1)
        # model.layers.0.mlp
        %37: float32[1,16] = Sigmoid(%36)
        %38: float32[1,16] = Mul(%36, %37)
        # model.layers.0.mlp.up_proj
        %39: float32[1,16] = Gemm(%35, "model.layers.0.mlp.up_proj.weight", transB=1)
        # model.layers.0.mlp
        %40: float32[1,16] = Mul(%38, %39)
        # model.layers.0.mlp.down_proj
        %41: float32[1,12] = Gemm(%40, "model.layers.0.mlp.down_proj.weight", transB=1)
        # model.layers.0
        %42: float32[1,12] = Add(%34, %41)
        # model.norm
        %43: float32[1,12] = RMSNormalization(%42, "model.norm.weight", axis=-1, epsilon=0.000001)
        # lm_head
        %44: float32[1,10] = Gemm(%43, "lm_head.weight", transB=1)
        return logits = %44, key.0.out = %28.1, value.0.out = %28.2"
    `)
  })

  it('of one position that looks back over the cache', () => {
    const attentions = attention.build(tinyLlama().probe(), [0], ops.constant([0], 'int64', [1]))
    expect(print({ outputs: { attentions } })).toMatchInlineSnapshot(`
      "(inputs_embeds: float32[1,12], cos: float32[1,1,6], sin: float32[1,1,6], key.0: float32[1,1,P,8], length: int64[1])
        # model.layers.0.input_layernorm
        %0: float32[1,12] = RMSNormalization(inputs_embeds, "model.layers.0.input_layernorm.weight", axis=-1, epsilon=0.000001)
        # model.layers.0.self_attn.q_proj
        %1: float32[1,12] = Gemm(%0, "model.layers.0.self_attn.q_proj.weight", transB=1)
        # model.layers.0.self_attn
        %2: float32[1,2,6] = Reshape(%1, [1,2,6])
        %3: float32[1,2,6] = Mul(%2, cos)
        %4: float32[1,2,3] = Slice(%2, [3], [9007199254740991], [2])
        %5: float32[1,2,3] = Neg(%4)
        %6: float32[1,2,3] = Slice(%2, [0], [3], [2])
        %7: float32[1,2,6] = Concat(%5, %6, axis=2)
        %8: float32[1,2,6] = Mul(%7, sin)
        %9: float32[1,2,6] = Add(%3, %8)
        %10: float32[1,2,6] = Mul(%9, 0.40824830532073975)
        %11: float32[1,1,n,8] = Slice(key.0, [0], length, [2])
        %12: float32[1,n,8] = Reshape(%11, [1,-1,8])
        %13: float32[1,n,6] = Slice(%12, [0], [6], [2])
        # model.layers.0.self_attn.k_proj
        %14: float32[1,6] = Gemm(%0, "model.layers.0.self_attn.k_proj.weight", transB=1)
        # model.layers.0.self_attn
        %15: float32[1,1,6] = Reshape(%14, [1,1,6])
        %16: float32[1,1,6] = Mul(%15, cos)
        %17: float32[1,1,3] = Slice(%15, [3], [9007199254740991], [2])
        %18: float32[1,1,3] = Neg(%17)
        %19: float32[1,1,3] = Slice(%15, [0], [3], [2])
        %20: float32[1,1,6] = Concat(%18, %19, axis=2)
        %21: float32[1,1,6] = Mul(%20, sin)
        %22: float32[1,1,6] = Add(%16, %21)
        %23: float32[1,1,6] = Transpose(%22, perm=[1,0,2])
        %24: float32[1,n+1,6] = Concat(%13, %23, axis=1)
        %25: float32[1,6,n+1] = Transpose(%24, perm=[0,2,1])
        %26: float32[1,2,n+1] = MatMul(%10, %25)
        %27: float32[1,2,n+1] = Softmax(%26, axis=2)
        #
        %28: float32[2,n+1] = Reshape(%27, [2,-1])
        %29: float32[n+1] = ReduceMean(%28, [0], keepdims=0)
        %30: float32[1,n+1] = Reshape(%29, [1,-1])
        %31: float32[1,n+1] = Concat(%30, axis=0)
        return attentions = %31"
    `)
  })

  it('with every kind of constant, attribute and leaf', () => {
    const x = ops.input('x', 'float32', [2, 2])
    const table = ops.constant([1, 2, 3, 4, 5, 6, 7, 8, 9], 'float32', [9])
    const integers = ops.constant([-1, 2], 'int32', [2])
    const scale = ops.constant([1, 0.5], 'float32', [2])
    const bias = ops.weight({ name: 'norm.bias', file: 'a', offset: 0, length: 8 }, 'float32', [2])
    const half = ops.cast(ops.layerNormalization(x, scale, bias, 1e-5), 'float16')
    const graph: Graph = { outputs: { x, half, integers, rows: ops.gather(table, integers), same: half } }
    expect(print(graph)).toMatchInlineSnapshot(`
      "(x: float32[2,2])
        %0: float32[2,2] = LayerNormalization(x, [1,0.5], "norm.bias", axis=-1, epsilon=0.00001)
        %1: float16[2,2] = Cast(%0, to=10)
        %2: float32[2] = Gather(float32[9], [-1,2], axis=0)
        return x = x, half = %1, integers = [-1,2], rows = %2, same = %1"
    `)
  })
})

/** Two query heads over one key head of six channels, which the cache pads to eight. */
function tinyLlama(): LanguageModel {
  const config = llamaConfig.parse({
    vocab_size: 10,
    hidden_size: 12,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
  })
  const store = fakeStore({
    'model.embed_tokens.weight': [10, 12],
    'model.layers.0.input_layernorm.weight': [12],
    'model.layers.0.self_attn.q_proj.weight': [12, 12],
    'model.layers.0.self_attn.k_proj.weight': [6, 12],
    'model.layers.0.self_attn.v_proj.weight': [6, 12],
    'model.layers.0.self_attn.o_proj.weight': [12, 12],
    'model.layers.0.post_attention_layernorm.weight': [12],
    'model.layers.0.mlp.gate_proj.weight': [16, 12],
    'model.layers.0.mlp.up_proj.weight': [16, 12],
    'model.layers.0.mlp.down_proj.weight': [12, 16],
    'model.norm.weight': [12],
    'lm_head.weight': [10, 12],
  })
  return llama(weightsAt(store, 'model'), weightsAt(store, 'lm_head'), config)
}
