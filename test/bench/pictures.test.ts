import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetMetadata } from 'hyparquet'
import sharp from 'sharp'
import { describe, expect, it, test } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { cmykJpeg, greyJpeg, jpeg } from './samples/files.ts'
import { open, parquet, published, samples } from './samples/index.ts'
import { imageKind, writeParquet } from './write-parquet.ts'

describe('pictures', () => {
  it('of these tests are grey and CMYK', async () => {
    expect(await sharp(greyJpeg).metadata()).toMatchObject({ space: 'b-w', channels: 1 })
    expect(await sharp(cmykJpeg).metadata()).toMatchObject({ space: 'cmyk', channels: 4 })
  })

  test.each(['textvqa', 'vstar', 'pope', 'docvqa', 'aokvqa', 'gqa', 'vqav2'] as const)(
    'of %s are found and decoded in both forms, grey and CMYK JPEG too',
    async name => {
      for (const opened of [await published(name), await parquet(name)]) {
        const { questions, readImage, findImages } = opened
        const distinct = new Set(questions.map(({ image }) => image.id)).size
        expect(await findImages()).toEqual({ found: distinct, missing: [] })
        for (const { image } of questions) {
          expect(await decodeImage(await readImage(image))).toMatchObject({ width: 8, height: 6 })
        }
      }
    },
  )

  it('come from the row that has them, in whatever order they are asked for', async () => {
    const { questions, readImage } = await parquet('textvqa')
    const read = async (nth: number): Promise<Buffer> => Buffer.from(await readImage(questions[nth]!.image))
    expect(await read(2)).toEqual(greyJpeg)
    expect(await read(0)).toEqual(jpeg)
    expect(await Promise.all([read(2), read(1), read(2)])).toEqual([greyJpeg, jpeg, greyJpeg])
  })

  it('and the questions of other groups are read, though one group’s pictures are damaged', async () => {
    const shard = 'textvqa/data/validation-00000-of-00002.parquet'
    const opened = await open('textvqa', data => {
      samples.textvqa.asParquet(data)
      const path = join(data, shard)
      const file = readFileSync(path)
      const footer = parquetMetadata(new Uint8Array(file).buffer)
      const chunk = footer.row_groups[1]!.columns.find(
        ({ meta_data }) => meta_data?.path_in_schema.join('.') === 'image.bytes',
      )
      file.fill(
        0xff,
        Number(chunk!.meta_data!.data_page_offset),
        Number(chunk!.meta_data!.data_page_offset) + 64,
      )
      writeFileSync(path, file)
    })
    expect(opened.questions).toHaveLength(3)
    const [first, second, third] = opened.questions.map(({ image }) => image)
    await expect(opened.readImage(second!)).rejects.toThrow(`${shard}: cannot be read as Parquet (`)
    expect(Buffer.from(await opened.readImage(first!))).toEqual(jpeg)
    expect(Buffer.from(await opened.readImage(third!))).toEqual(greyJpeg)
  })

  it('that are missing or empty are named, and are an error only when they are read', async () => {
    const opened = await open('textvqa', data => {
      samples.textvqa.asPublished(data)
      truncateSync(join(data, 'textvqa/train_images/3a2b4c.jpg'))
    })
    expect(await opened.findImages()).toEqual({ found: 1, missing: ['3a2b4c.jpg'] })
    await expect(opened.readImage(opened.questions[2]!.image)).rejects.toThrow(
      'textvqa: picture 3a2b4c.jpg is not there, or empty. Looked in textvqa/train_images, ',
    )
  })

  test.each([true, false])('that a row lacks are named, with statistics: %s', async statistics => {
    const opened = await open('vstar', data => {
      const kinds = {
        image: imageKind,
        text: 'text',
        category: 'text',
        question_id: 'text',
        label: 'text',
      } as const
      const row = { text: 'Where?\n(A) left\n(B) right', category: 'x', label: 'A' }
      const rows = [jpeg, null, jpeg].map((bytes, i) => ({
        ...row,
        question_id: String(i),
        image: { bytes, path: 'a.jpg' },
      }))
      writeParquet(data, 'vstar/data/test-00000-of-00001.parquet', kinds, rows, { statistics })
    })
    const shard = 'vstar/data/test-00000-of-00001.parquet'
    expect(await opened.findImages()).toEqual({ found: 2, missing: [`${shard}: row 2`] })
    await expect(opened.readImage(opened.questions[1]!.image)).rejects.toThrow(
      `${shard}: row 2 has no picture embedded. Get a form that has them.`,
    )
  })

  it('that GQA’s table of pictures lacks are looked for as files', async () => {
    const opened = await open('gqa', data => {
      samples.gqa.asParquet(data)
      writeParquet(
        data,
        'gqa/testdev_balanced_images/testdev-00000-of-00001.parquet',
        { id: 'text', image: imageKind },
        [{ id: 'n161313', image: { bytes: jpeg, path: null } }],
      )
    })
    expect(await opened.findImages()).toEqual({ found: 1, missing: ['n235859.jpg'] })
  })
})
