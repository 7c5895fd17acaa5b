// One constructor per ONNX operator in use. Each infers the result's type and shape and refuses what the operator
// would refuse, so that a fault is reported where the model is written and not inside the runtime.

export * from './blocks.ts'
export * from './elementwise.ts'
export * from './fused.ts'
export { constant, constantValues, input, scalar, weight } from './leaves.ts'
export * from './products.ts'
export * from './shape.ts'
