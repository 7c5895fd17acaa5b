import type { Reading } from '../../src/decode/probe.ts'
import { sizeOf } from '../../src/graph/dimension.ts'
import { concat, reshape } from '../../src/graph/ops.ts'
import { dimension } from '../../src/graph/tensor.ts'
import { attentionGradients } from '../../src/importance/gradient-attention.ts'

/** dv/dA of every layer and head, row by row. */
export const gradientsByHead: Reading = {
  name: 'gradients by head',
  build: (probe, layers, target) =>
    concat(
      attentionGradients(probe, layers, target).map(g =>
        reshape(g, [sizeOf(g.shape.slice(0, -1)), dimension(g, -1)]),
      ),
      0,
    ),
}
