import type { LanguageModel } from '../models/model.ts'
import { float32Value, type Value, type Values } from '../onnx/session.ts'

/**
 * What goes into each layer at the positions of a prompt, by the names of the unrolled layers' cuts: "hidden.0", ...
 * P places · C width
 */
export class LayerInputs {
  readonly #width: number
  /** [P,C] for each layer. */
  #rows: Readonly<Record<string, Float32Array>>

  constructor({ layers, hiddenSize }: LanguageModel) {
    this.#width = hiddenSize
    const names = Array.from({ length: layers }, (_, i) => `hidden.${i}`)
    this.#rows = Object.fromEntries(names.map(name => [name, new Float32Array()]))
  }

  get bytes(): number {
    return Object.values(this.#rows).reduce((sum, rows) => sum + rows.byteLength, 0)
  }

  /** Makes room for so many places; the first `used` keep what they have. */
  grow(places: number, used: number): void {
    const grow = (rows: Float32Array): Float32Array => {
      const grown = new Float32Array(places * this.#width)
      grown.set(rows.subarray(0, used * this.#width))
      return grown
    }
    this.#rows = Object.fromEntries(Object.entries(this.#rows).map(([name, rows]) => [name, grow(rows)]))
  }

  /**
   * Takes what goes into the first layer at the places from `start` on.
   * @param embeds [S,C]
   * @returns the memory for what goes into the others there, [S,C] each, for the decoder to write to
   */
  keep(start: number, embeds: Value): Values {
    const { 'hidden.0': first, ...others } = this.#rows
    first?.set(embeds.data as Float32Array, start * this.#width)
    return this.#part(others, start, embeds.shape[0] as number)
  }

  /** What goes into every layer at the first `length` places. */
  first(length: number): Values {
    return this.#part(this.#rows, 0, length)
  }

  #part(of: Readonly<Record<string, Float32Array>>, start: number, count: number): Values {
    const [from, to] = [start * this.#width, (start + count) * this.#width]
    const parts = Object.entries(of).map(([name, rows]): [string, Value] => [
      name,
      float32Value(rows.subarray(from, to), [count, this.#width]),
    ])
    return Object.fromEntries(parts)
  }
}
