import webgpuMjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url&no-inline'
import webgpuWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'
import cpuMjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url&no-inline'
import cpuWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import type { Device } from '../../src/web.ts'

const builds = {
  cpu: { load: () => import('onnxruntime-web/wasm'), wasm: cpuWasm, mjs: cpuMjs },
  webgpu: { load: () => import('onnxruntime-web/webgpu'), wasm: webgpuWasm, mjs: webgpuMjs },
}

/** Tells the runtime where the build of the page has put its files. Its threads, where there are any, need the .mjs. */
export async function placeRuntime(device: Device): Promise<void> {
  const { load, wasm, mjs } = builds[device]
  const { env } = await load()
  const from = (file: string): string => new URL(file, import.meta.url).href
  env.wasm.wasmPaths = crossOriginIsolated ? { wasm: from(wasm), mjs: from(mjs) } : { wasm: from(wasm) }
  if (!crossOriginIsolated) env.wasm.numThreads = 1
}
