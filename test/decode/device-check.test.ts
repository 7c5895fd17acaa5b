import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { positionsAtOnce } from '../../src/decode/device-check.ts'
import type { Engine } from '../../src/onnx/session.ts'
import { openNodeEngine } from '../../src/onnx/session-node.ts'
import { wrongBeyond } from './wrong-device.ts'

const cpu = openNodeEngine({ weightsRoot: tmpdir(), threads: 1 })

describe('positions at once are', () => {
  it('any number where the device is right', async () => {
    expect(await positionsAtOnce(wrongBeyond(1000)(cpu))).toBe(Number.POSITIVE_INFINITY)
  })

  it('31 where it is wrong about more', async () => {
    expect(await positionsAtOnce(wrongBeyond(31)(cpu))).toBe(31)
  })

  it('none where it is wrong about those too, and that is said', async () => {
    await expect(positionsAtOnce(wrongBeyond(7)(cpu))).rejects.toThrow(
      /^device webgpu: its attention is off by \d.* where the CPU's is not\. Use device cpu\.$/,
    )
  })

  it('any number on the CPU, which is not asked', async () => {
    const open: Engine['open'] = () => Promise.reject(new Error('asked'))
    expect(await positionsAtOnce({ ...cpu, open })).toBe(Number.POSITIVE_INFINITY)
  })
})
