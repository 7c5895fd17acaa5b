import type { Page } from 'playwright-core'
import type { UnderTest } from './page/page.ts'

declare const vicrop: UnderTest

interface Opening {
  readonly error: string | null
  readonly progress: readonly {
    readonly stage: string
    readonly doneBytes: number
    readonly totalBytes: number
  }[]
}

/** What opening a checkpoint says, and how it went on. */
export const opening = (
  page: Page,
  model = '/demo/model',
  abortAt = Number.POSITIVE_INFINITY,
): Promise<Opening> =>
  page.evaluate(
    async ({ model, abortAt }) => {
      const progress: Opening['progress'][number][] = []
      const controller = new AbortController()
      const onProgress = (at: (typeof progress)[number]): void => {
        progress.push(at)
        if (at.doneBytes >= abortAt) controller.abort(new Error('changed my mind'))
      }
      const error = await vicrop.ViCrop.open(model, { signal: controller.signal, onProgress }).then(
        async opened => {
          await opened.release()
          return null
        },
        (error: Error) => error.message,
      )
      return { error, progress }
    },
    { model, abortAt },
  )

/** The sizes of the downloads that the browser keeps. */
export const keptIn = (page: Page): Promise<number[]> =>
  page.evaluate(async () => {
    const sizes: number[] = []
    const root = await navigator.storage.getDirectory()
    const models = await root.getDirectoryHandle('vicrop', { create: true })
    for await (const folder of models.values()) {
      for await (const file of (folder as FileSystemDirectoryHandle).values())
        sizes.push((await (file as FileSystemFileHandle).getFile()).size)
    }
    return sizes
  })

/** Has the browser keep nothing. */
export const forget = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    for await (const name of root.keys()) await root.removeEntry(name, { recursive: true })
  })
