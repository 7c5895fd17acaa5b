import { parseConfig } from '../config.ts'
import type { Model, ModelFiles } from '../model.ts'
import { qwenModel } from '../qwen2_5_vl/model.ts'
import { qwen2VlConfig } from './config.ts'

/** Qwen2-VL (Wang et al. 2024): as Qwen2.5-VL, but every layer of the vision encoder sees the whole picture. */
export const qwen2Vl = (files: ModelFiles): Model =>
  qwenModel(files, parseConfig(qwen2VlConfig, files.config, 'config.json'))
