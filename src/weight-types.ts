/**
 * In what numbers the weights of linear layers are kept. What is computed with them is float32, but for the products with
 * q8 and q4, whose other side is rounded to 8 bits.
 *
 * f32: float32. f16: 16 bits, made float32 at each use. q8: 8 bits in blocks. q4: 4 bits in blocks in the language model, 8
 * in the vision encoder.
 */
export const weightTypes = ['f32', 'f16', 'q8', 'q4'] as const
export type WeightType = (typeof weightTypes)[number]
