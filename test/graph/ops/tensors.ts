import type { Dimension } from '../../../src/graph/dimension.ts'
import * as ops from '../../../src/graph/ops.ts'
import type { Tensor } from '../../../src/graph/tensor.ts'

export const x = (...shape: Dimension[]): Tensor => ops.input('x', 'float32', shape)
export const y = (...shape: Dimension[]): Tensor => ops.input('y', 'float32', shape)
export const whole = (...shape: Dimension[]): Tensor => ops.input('indices', 'int64', shape)
export const half = (...shape: Dimension[]): Tensor => ops.input('half', 'float16', shape)
export const source = { name: 'w', file: 'model.safetensors', offset: 0, length: 24 }

/** What a constructor infers, and what it refuses in which words. */
export interface Cases {
  readonly gives: readonly (readonly [built: () => Tensor, type: string])[]
  readonly refuses?: readonly (readonly [built: () => unknown, message: string])[]
}
