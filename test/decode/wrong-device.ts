import { nodesOf } from '../../src/graph/graph.ts'
import type { Engine, Values } from '../../src/onnx/session.ts'

/** Of a graph with fused attention, how many positions it is fed. */
const positionsIn = (feeds: Values): number => feeds.inputs_embeds?.shape[0] ?? (feeds.q?.shape[1] as number)

/**
 * A device like the engine's, but for a fused attention that is wrong when it is given more than `right` positions at once.
 * @param ran told how many it is given
 */
export const wrongBeyond =
  (right: number, ran: (positions: number) => void = () => {}) =>
  (engine: Engine): Engine => ({
    device: 'webgpu',
    copiesWeights: false,
    async open(graph, options = {}) {
      const session = await engine.open(graph, options)
      const isOwn = !options.host && !options.inTurn
      if (!isOwn || !nodesOf(graph).some(({ kind }) => kind === 'GroupQueryAttention')) return session
      return {
        ...session,
        async run(feeds, into) {
          ran(positionsIn(feeds))
          const results = await session.run(feeds, into)
          if (positionsIn(feeds) > right) for (const { data } of Object.values(results)) data.fill(0 as never)
          return results
        },
      }
    },
  })
