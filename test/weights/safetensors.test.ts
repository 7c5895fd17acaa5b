import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ByteSource,
  readSafetensors,
  type StoredTensor,
  safetensorsHeader,
} from '../../src/weights/safetensors.ts'

const source = (bytes: Uint8Array, size = bytes.length): ByteSource => ({
  file: 'model.safetensors',
  size,
  read: async (offset, length) => bytes.slice(offset, offset + length),
})

/** A file with this header and so many bytes of data. */
function fileOf(header: string | Uint8Array, dataBytes = 0, stated?: bigint): Uint8Array {
  const json = Buffer.from(header as string)
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(stated ?? BigInt(json.length))
  return Buffer.concat([prefix, json, Buffer.alloc(dataBytes)])
}

const read = (header: string | Uint8Array, dataBytes = 0, stated?: bigint): Promise<StoredTensor[]> =>
  readSafetensors(source(fileOf(header, dataBytes, stated)))

const entry = (dtype: unknown, shape: unknown, offsets: unknown): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets })

/** A file with one tensor "a". */
const one = (dtype: unknown, shape: unknown, offsets: unknown, dataBytes: number): Promise<StoredTensor[]> =>
  read(`{"a":${entry(dtype, shape, offsets)}}`, dataBytes)

describe('a sound file', () => {
  test('gives each tensor with its absolute offset', async () => {
    const header = `{"__metadata__":{"format":"pt"},"b":${entry('F32', [2, 3], [4, 28])},"a":${entry('BF16', [2], [0, 4])}}`
    const start = 8 + header.length
    expect(await read(header, 28)).toEqual([
      { name: 'b', dtype: 'F32', shape: [2, 3], file: 'model.safetensors', offset: start + 4, length: 24 },
      { name: 'a', dtype: 'BF16', shape: [2], file: 'model.safetensors', offset: start, length: 4 },
    ])
  })

  test('may be empty, hold scalars and empty tensors, and pad its header with spaces', async () => {
    expect(await read('{}')).toEqual([])
    const tensors = await read(
      `{"none":${entry('F32', [0, 7], [4, 4])},"scalar":${entry('F32', [], [0, 4])}}     `,
      4,
    )
    expect(tensors.map(tensor => tensor.length)).toEqual([0, 4])
  })

  test('may name a tensor like a property of every object', async () => {
    const [tensor] = await read(`{"__proto__":${entry('U8', [1], [0, 1])}}`, 1)
    expect(tensor?.name).toBe('__proto__')
  })

  test('may repeat a key in different entries and in strings', async () => {
    const header = `{"__metadata__":{"dtype":"{\\"a\\":1,\\"a\\":2}"},"dtype":${entry('U8', [1], [0, 1])}}`
    expect((await read(header, 1))[0]?.name).toBe('dtype')
  })

  test('is read back from the header we write, whatever the names', async () => {
    const tensor = fc.record({ name: fc.string(), shape: fc.array(fc.nat(5), { maxLength: 3 }) })
    const tensors = fc.uniqueArray(tensor, { selector: t => t.name, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(tensors, async shapes => {
        const written = shapes
          .filter(({ name }) => name !== '__metadata__' && name !== '__proto__')
          .map(t => ({ ...t, dtype: 'I16' as const, length: 2 * t.shape.reduce((a, b) => a * b, 1) }))
        const header = safetensorsHeader(written)
        const size = written.reduce((sum, t) => sum + t.length, header.length)
        const found = await readSafetensors(source(header, size))
        expect(header.length % 8).toBe(0)
        const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1)
        const plain = found.map(({ name, dtype, shape, length }) => ({ name, dtype, shape, length }))
        expect(plain.sort(byName)).toEqual(written.sort(byName))
      }),
    )
  })

  test('is read by its header only', async () => {
    const ranges: number[][] = []
    const bytes = fileOf(`{"a":${entry('F32', [1000], [0, 4000])}}`, 4000)
    const spied: ByteSource = {
      ...source(bytes),
      read(offset, length) {
        ranges.push([offset, length])
        return source(bytes).read(offset, length)
      },
    }
    await readSafetensors(spied)
    expect(ranges).toEqual([
      [0, 8],
      [8, bytes.length - 4008],
    ])
  })
})

describe('the beginning of the file', () => {
  test('a file too short for a length is refused', async () => {
    await expect(readSafetensors(source(new Uint8Array(7)))).rejects.toThrow(
      "model.safetensors: has 7 bytes, fewer than a header's length takes; the file is damaged, download it again.",
    )
    await expect(readSafetensors(source(new Uint8Array(0)))).rejects.toThrow('has 0 bytes')
  })

  test('a header length of 2^60 is refused before anything is allocated', async () => {
    await expect(read('{}', 0, 2n ** 60n)).rejects.toThrow(
      "model.safetensors: states a header of 1152921504606846976 bytes, more than the format's 100000000; " +
        'it is damaged or no safetensors file, download it again.',
    )
    await expect(read('{}', 0, 2n ** 64n - 1n)).rejects.toThrow(
      'states a header of 18446744073709551615 bytes',
    )
  })

  test('a header that goes past the end of the file is refused', async () => {
    await expect(read('{}', 0, 3n)).rejects.toThrow('states a header of 3 bytes, but ends after 10;')
  })

  test('a file that ends while it is read is refused', async () => {
    const shrunk = source(fileOf('{"a":{').subarray(0, 10), 14)
    await expect(readSafetensors(shrunk)).rejects.toThrow('ends at byte 10 while being read')
  })

  test('a Git LFS pointer is called by its name', async () => {
    const pointer = Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n')
    await expect(readSafetensors(source(pointer))).rejects.toThrow(
      'is a Git LFS pointer, not the file itself; run "git lfs pull"',
    )
  })
})

describe('the header as JSON', () => {
  test.each([
    ['no JSON', '{"a":', 'the header cannot be read: '],
    ['an empty header', '', 'the header cannot be read: '],
    ['an array', '[]', 'it is not an object'],
    ['null', 'null', 'it is not an object'],
    ['a byte order mark', '\ufeff{}', 'is not valid JSON'],
    ['a string without end', '{"a', 'the header cannot be read: '],
    ['an invalid escape in a name', '{"\\x":1}', 'the header cannot be read: '],
    ['nesting as deep as it is long', '['.repeat(100_000), 'nested deeper than 3 levels'],
    [
      'a name given twice',
      `{"a":${entry('U8', [0], [0, 0])},"a":${entry('U8', [0], [0, 0])}}`,
      'is given twice',
    ],
    [
      'a name given twice in two spellings',
      '{"a":1, "\\u0061" \n:2}',
      'header cannot be read: "a" is given twice; the file is damaged',
    ],
    ['a field given twice', '{"a":{"dtype":"U8","dtype":"I8"}}', 'is given twice'],
  ])('%s is refused', async (_, header, problem) => {
    await expect(read(header)).rejects.toThrow(problem)
  })

  test('text that is not UTF-8 is refused', async () => {
    await expect(read(Uint8Array.of(0x7b, 0xff, 0x7d))).rejects.toThrow('the header cannot be read')
  })
})

describe('the entry of a tensor', () => {
  test.each([
    ['that is not an object', '{"a":7}', 'is described by 7, not by {dtype, shape, data_offsets}'],
    ['that is an array', '{"a":[]}', 'is described by [], not by'],
    ['without a dtype', '{"a":{}}', 'has the unknown dtype undefined'],
    [
      'of a dtype like a property of every object',
      `{"a":${entry('constructor', [], [0, 4])}}`,
      'unknown dtype "constructor"',
    ],
    ['without a shape', '{"a":{"dtype":"F32"}}', 'has the shape undefined'],
    ['without data_offsets', '{"a":{"dtype":"F32","shape":[]}}', 'has the data_offsets undefined'],
  ])('%s is refused', async (_, header, problem) => {
    await expect(read(header)).rejects.toThrow(problem)
  })

  test.each<[string, unknown, unknown, unknown, number, string]>([
    ['an unknown dtype', 'F4', [2], [0, 1], 1, 'unknown dtype "F4"; save it as F32, F16 or BF16.'],
    ['a negative size', 'F32', [-1], [0, 4], 4, 'has the shape [-1], expected whole numbers from 0 to 2^53'],
    ['a broken size', 'F32', [1.5], [0, 4], 4, 'has the shape [1.5]'],
    ['a size in words', 'F32', ['1'], [0, 4], 4, 'has the shape ["1"]'],
    ['a size beyond 2^53', 'F32', [2 ** 53], [0, 4], 4, 'has the shape [9007199254740992]'],
    ['a number of elements beyond 2^53', 'F32', [2 ** 40, 2 ** 40], [0, 4], 4, 'takes 4.835703278458517e+24'],
    ['a number of elements that is infinite', 'F32', Array(60).fill(2 ** 52), [0, 4], 4, 'takes Infinity'],
    ['a shape larger than its bytes', 'F32', [2, 3], [0, 20], 20, 'has 20 bytes, but F32 [2,3] takes 24;'],
    ['a shape smaller than its bytes', 'F16', [2], [0, 8], 8, 'has 8 bytes, but F16 [2] takes 4;'],
    ['a negative offset', 'F32', [1], [-4, 0], 4, 'has the data_offsets [-4,0], expected two whole numbers'],
    [
      'an offset beyond 2^53',
      'F32',
      [1],
      [2 ** 60, 2 ** 60 + 4],
      4,
      'expected two whole numbers from 0 to 2^53',
    ],
    ['three offsets', 'F32', [1], [0, 4, 8], 8, 'has the data_offsets [0,4,8]'],
    ['reversed offsets', 'F32', [1], [4, 0], 4, 'ends before it begins, data_offsets [4,0]'],
    [
      'an end past the end of the file',
      'F32',
      [2],
      [0, 8],
      4,
      'ends at byte 8 of the data, but the file holds 4;',
    ],
  ])('with %s is refused', async (_, dtype, shape, offsets, dataBytes, problem) => {
    await expect(one(dtype, shape, offsets, dataBytes)).rejects.toThrow(problem)
    await expect(one(dtype, shape, offsets, dataBytes)).rejects.toThrow(/^model\.safetensors: tensor "a" /)
  })

  test('that is hostile to a terminal is shown on one short line', async () => {
    const name = JSON.stringify(`\u001b[2J\n\u009b${'x'.repeat(100_000)}`)
    const error = await read(`{${name}:1}`).then(
      () => expect.unreachable(),
      reason => reason as Error,
    )
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be in the message
    expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
    expect(error.message.length).toBeLessThan(400)
  })
})

describe('the data', () => {
  const two = (a: number[], b: number[], dataBytes: number): Promise<StoredTensor[]> =>
    read(`{"a":${entry('U8', [a[1]! - a[0]!], a)},"b":${entry('U8', [b[1]! - b[0]!], b)}}`, dataBytes)

  test.each([
    ['a tensor that overlaps another', [0, 4], [2, 6], 6, 'tensor "b" overlaps tensor "a"'],
    ['a tensor on the bytes of another', [0, 4], [0, 4], 4, 'tensor "b" overlaps tensor "a"'],
    ['a hole between tensors', [0, 4], [6, 8], 8, 'tensor "b" leaves a hole behind tensor "a"'],
    ['a hole behind the header', [4, 8], [2, 4], 8, 'tensor "b" leaves a hole behind the header'],
    ['a byte behind the last tensor', [4, 8], [0, 4], 9, 'but its last tensor ends at'],
  ])('%s is refused', async (_, a, b, dataBytes, problem) => {
    await expect(two(a, b, dataBytes)).rejects.toThrow(problem)
  })

  test('bytes without any tensor are refused', async () => {
    await expect(read('{}', 1)).rejects.toThrow('has 11 bytes, but its last tensor ends at 10')
  })
})
