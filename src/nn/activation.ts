import { gelu, mul, relu, scalar, sigmoid, tanh } from '../graph/ops.ts'
import type { Tensor } from '../graph/tensor.ts'

export const activationNames = [
  'gelu',
  'gelu_new',
  'gelu_pytorch_tanh',
  'quick_gelu',
  'relu',
  'silu',
  'swish',
  'tanh',
] as const

export type ActivationName = (typeof activationNames)[number]

const silu = (x: Tensor): Tensor => mul(x, sigmoid(x))
const tanhGelu = (x: Tensor): Tensor => gelu(x, 'tanh')

/** Activations under the names that configs give them (`hidden_act`, `projector_hidden_act`). */
export const activations: Readonly<Record<ActivationName, (x: Tensor) => Tensor>> = {
  gelu: x => gelu(x),
  gelu_new: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  quick_gelu: x => mul(x, sigmoid(mul(x, scalar(1.702)))),
  relu,
  silu,
  swish: silu,
  tanh,
}
