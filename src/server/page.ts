import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { Hono } from 'hono'
import { getMimeType } from 'hono/utils/mime'

/**
 * The page in a folder, and at `/model/` the model that it opens in a browser. Files are listed once: a request picks one of the
 * list, and no path is made from it. `index.html` is at `/`. Files in `assets` have their hash in their names, and are never
 * asked for again.
 */
export function page(folder: string, model: string): Hono {
  const files = new Map([...filesIn(folder, '/'), ...filesIn(model, '/model/')])
  files.set('/', join(folder, 'index.html'))
  const app = new Hono()
  app.get('*', async (c, next) => {
    const file = files.get(c.req.path)
    if (file === undefined) return next()
    c.header('content-type', getMimeType(file) ?? 'application/octet-stream')
    c.header('cache-control', c.req.path.startsWith('/assets/') ? keptForAYear : 'no-cache')
    return c.body(await readFile(file))
  })
  return app
}

const keptForAYear = 'public, max-age=31536000, immutable'

/** What is below a folder, as paths below `at`, with the files that they stand for. */
const filesIn = (folder: string, at: string): [path: string, file: string][] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .map(file => [at + relative(folder, file).replaceAll(sep, '/'), file])
