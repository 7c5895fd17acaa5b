export type { ImportanceMap } from './crop/select.ts'
export type { HighRes } from './crop/tiles.ts'
export type { Geometry, Grid } from './image/geometry.ts'
export type { Box, Image, Size } from './image/image.ts'
export { overlay } from './image/overlay.ts'
export { attentionRatio } from './importance/attention-ratio.ts'
export type { InputGradientVariant } from './importance/input-gradient.ts'
export type { Method } from './importance/method.ts'
export type { OpenOptions } from './load-node.ts'
export type { PromptStyle } from './mllm.ts'
export type {
  Answer,
  AskOptions,
  CropReason,
  Look,
  LookOptions,
  Picture,
  SeeOptions,
  Stage,
} from './picture.ts'
export { ViCrop } from './vicrop.ts'
export type { Parts } from './view.ts'
