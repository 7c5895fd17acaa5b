export type { NoLook, VicropLook, VicropMetadata } from './metadata.ts'
export type { CropMiddleware } from './middleware.ts'
export type { VicropLookOptions, VicropProviderOptions } from './options.ts'
export { createVicrop, type VicropProvider, vicrop } from './provider.ts'
