import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { Picture } from '../../src/picture.ts'
import { Pictures } from '../../src/server/pictures.ts'

/** A picture file of which no two are alike. */
const fileOf = (red: number): Promise<Buffer> =>
  sharp({ create: { width: 2, height: 2, channels: 3, background: { r: red, g: 0, b: 0 } } })
    .png()
    .toBuffer()

const limits = { maxPictures: 2, maxBytes: 1000, maxPixels: 100 }

/** Pictures that say when they are released, and how large they are. */
function counted(some: Partial<typeof limits> = {}) {
  const released: number[] = []
  const sizes = new Map<number, number>()
  let seen = 0
  let failing = false
  const see = async (image: { data: Uint8Array }): Promise<Picture> => {
    seen++
    const red = image.data[0] as number
    if (failing) throw new Error('no memory')
    const picture = { release: () => released.push(red), bytes: 0 }
    Object.defineProperty(picture, 'bytes', { get: () => sizes.get(red) ?? 10 })
    return picture as unknown as Picture
  }
  const pictures = new Pictures({ see }, { ...limits, ...some })
  const use = async (red: number, work: () => Promise<unknown> = async () => {}): Promise<unknown> =>
    pictures.use(await fileOf(red), 'rel-att', work)
  const fail = (now: boolean): void => {
    failing = now
  }
  return { pictures, use, released, sizes, fail, seen: () => seen }
}

describe('pictures', () => {
  it('are seen once, and the one that was used longest ago is released for a third', async () => {
    const { use, released, seen, pictures } = counted()
    for (const red of [1, 2, 1, 2, 1, 3]) await use(red)
    expect([seen(), released]).toEqual([3, [2]])
    await use(1)
    expect([seen(), pictures.count]).toEqual([3, 2])
    expect(pictures.found).toEqual({ kept: 4, encoded: 3 })
  })

  it('say to the work whether they were kept', async () => {
    const { pictures } = counted()
    const file = await fileOf(1)
    const wasKept = () => pictures.use(file, 'none', async (_, kept) => kept)
    expect([await wasKept(), await wasKept()]).toEqual([false, true])
  })

  it('are seen once when two ask at the same time', async () => {
    const { use, seen } = counted()
    await Promise.all([use(1), use(1), use(1)])
    expect(seen()).toBe(1)
  })

  it('may be used together, twice the same too, and are then released like others', async () => {
    const { pictures, released, seen } = counted({ maxPictures: 1 })
    const files = await Promise.all([1, 2, 1].map(fileOf))
    const how = { method: 'none', signal: undefined } as const
    const wereKept = await pictures.useAll(files, how, async all => {
      expect(released).toEqual([])
      expect([all[0]?.picture === all[2]?.picture, seen()]).toEqual([false, 3])
      return all.map(({ wasKept }) => wasKept)
    })
    expect(wereKept).toEqual([false, false, false])
    await expect.poll(() => released.length).toBe(2)
  })

  it('are not encoded any more once nobody waits for them', async () => {
    const { pictures, seen } = counted()
    const files = await Promise.all([1, 2, 3].map(fileOf))
    const left = new AbortController()
    const used = pictures.useAll(files, { method: 'none', signal: left.signal }, async () => null)
    left.abort(new Error('left'))
    await expect(used).rejects.toThrow('left')
    expect(seen()).toBe(1)
  })

  it('in use are released after their last use alone', async () => {
    const { use, released } = counted({ maxPictures: 1 })
    const finish: (() => void)[] = []
    const working = (): Promise<unknown> => use(1, () => new Promise<void>(resolve => finish.push(resolve)))
    const users = [working()]
    await expect.poll(() => finish.length).toBe(1)
    users.push(working())
    await expect.poll(() => finish.length).toBe(2)
    await use(2)
    expect(released).toEqual([])
    finish[0]?.()
    await users[0]
    expect(released).toEqual([])
    finish[1]?.()
    await users[1]
    expect(released).toEqual([1])
  })

  it('are weighed after each use, and those go that are too much together', async () => {
    const { use, released, sizes, pictures } = counted()
    await use(1)
    await use(2)
    expect([pictures.count, pictures.bytes]).toEqual([2, 20])
    sizes.set(2, 995)
    await use(2)
    expect([released, pictures.bytes]).toEqual([[1], 995])
    sizes.set(2, 2000)
    await use(2)
    expect([released, pictures.count, pictures.bytes]).toEqual([[1, 2], 0, 0])
  })

  it('that failed are not kept', async () => {
    const { use, fail, seen, pictures } = counted()
    fail(true)
    await expect(use(1)).rejects.toThrow('no memory')
    expect(pictures.count).toBe(0)
    fail(false)
    await use(1)
    expect(seen()).toBe(2)
  })

  it('are kept when a question about them fails', async () => {
    const { use, seen } = counted()
    await expect(use(1, () => Promise.reject(new Error('no such layer')))).rejects.toThrow('no such layer')
    await use(1)
    expect(seen()).toBe(1)
  })
})
