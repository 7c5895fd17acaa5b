import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Context } from '../../src/decode/context.ts'
import { encodeImage } from '../../src/encode.ts'
import * as ops from '../../src/graph/ops.ts'
import { decodeImage } from '../../src/image/decode-node.ts'
import { type Answer, ViCrop } from '../../src/index.ts'
import { demoModel, load } from '../../src/load-node.ts'
import { promptFor } from '../../src/mllm.ts'
import { type Device, float32Value, floats } from '../../src/onnx/session.ts'
import { openNodeEngine, requireDevice } from '../../src/onnx/session-node.ts'
import type { WeightType } from '../../src/weight-types.ts'
import { temporaryFolder } from '../weights/temporary.ts'

// A graphics adapter in software: SwiftShader, as Debian's chromium brings it, by libvulkan1.
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json'
if (process.env.VK_DRIVER_FILES === undefined && existsSync(swiftShader))
  process.env.VK_DRIVER_FILES = swiftShader

const missing = (device: 'webgpu' | 'cuda'): Promise<string | null> =>
  requireDevice(device).then(
    () => null,
    error => (error as Error).message,
  )
const [withoutWebgpu, withoutCuda] = [await missing('webgpu'), await missing('cuda')]
if (withoutWebgpu !== null) console.warn(`tests of webgpu are skipped: ${withoutWebgpu}`)

const picture = fileURLToPath(new URL('../../demo/pictures/006.webp', import.meta.url))
const question = 'What number is on the cyan plate?'
const methods = ['rel-att', 'grad-att', 'pure-grad'] as const

async function answers(device: Device): Promise<Answer[]> {
  const vicrop = await ViCrop.open(undefined, { device })
  const seen = await vicrop.see(picture)
  const found: Answer[] = []
  for (const method of methods) found.push(await seen.ask(question, { method, maxNewTokens: 2 }))
  await vicrop.release()
  return found
}

/** Of the answer's first token. */
async function logits(device: Device, dtype: WeightType, cacheFolder: string): Promise<Float32Array> {
  const { mllm } = await load(demoModel, { device, dtype, cacheFolder })
  const encoded = await encodeImage(mllm, await decodeImage(picture))
  const found = await new Context(mllm.decoder).append(promptFor(mllm, question, [encoded]))
  await mllm.release()
  return found
}

/** The largest, as a share of the largest expected value. */
const difference = (found: Float32Array, expected: Float32Array): number =>
  Math.max(...expected.map((value, i) => Math.abs(value - found[i]!))) / Math.max(...expected.map(Math.abs))

const mapError = ({ importance: a }: Answer, { importance: b }: Answer): number =>
  difference(a?.values as Float32Array, b?.values as Float32Array)

describe.skipIf(withoutWebgpu !== null)('on webgpu', () => {
  it('all methods give the answers, crops and maps of the CPU', { timeout: 600_000 }, async () => {
    const [expected, found] = [await answers('cpu'), await answers('webgpu')]
    for (const [i, { answer, plainAnswer, crop }] of expected.entries()) {
      expect(found[i]).toMatchObject({ answer, plainAnswer, crop })
      expect(mapError(found[i]!, expected[i]!), methods[i]).toBeLessThan(1e-4)
    }
  })

  // The CPU rounds what it multiplies blocks with to 8 bits, this adapter does not.
  it.each([
    ['f32', 1e-5],
    ['q8', 0.01],
    ['q4', 0.01],
  ] as const)(
    'the decoder gives the logits of the CPU: %s',
    { timeout: 600_000 },
    async (dtype, tolerance) => {
      const cacheFolder = temporaryFolder()
      const expected = await logits('cpu', dtype, cacheFolder)
      const found = await logits('webgpu', dtype, cacheFolder)
      expect(difference(found, expected)).toBeLessThan(tolerance)
    },
  )

  it('a graph is computed there, and only what is the host’s elsewhere', async () => {
    const engine = openNodeEngine({ weightsRoot: temporaryFolder(), threads: 1, device: 'webgpu' })
    const x = ops.input('x', 'float32', ['S', 4])
    const feeds = { x: float32Value(Float32Array.of(1, 2, 3, 4), [1, 4]) }
    for (const options of [{}, { host: true }, { inTurn: true }]) {
      const session = await engine.open({ outputs: { y: ops.softmax(x), z: ops.neg(x) } }, options)
      const { y, z } = await session.run(feeds)
      expect([...floats({ y: y! }, 'y')].map(value => value.toFixed(4))).toEqual([
        '0.0321',
        '0.0871',
        '0.2369',
        '0.6439',
      ])
      expect([...floats({ z: z! }, 'z')]).toEqual([-1, -2, -3, -4])
      expect(Object.keys(await session.run(feeds, {}, ['z']))).toEqual(['z'])
      await session.release()
    }
  })
})

it.skipIf(withoutWebgpu === null)('without an adapter, webgpu says what is missing', () => {
  expect(withoutWebgpu).toMatch(
    /^device webgpu: there is no graphics adapter that can be used\. Install its driver/,
  )
})

it.skipIf(withoutCuda === null)('where CUDA is not installed, it says how to', async () => {
  await expect(ViCrop.open(undefined, { device: 'cuda' })).rejects.toThrow(
    'device cuda: is not installed beside onnxruntime-node. On Linux x64 with CUDA 12 and cuDNN 9 run ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node, or use device webgpu or cpu.',
  )
})

it('a device that there is not is refused by name', async () => {
  await expect(ViCrop.open(undefined, { device: 'tpu' as never })).rejects.toThrow(
    'device: "tpu" is not available; available: cpu, webgpu, cuda',
  )
})
