import { checkQuestion } from '../options.ts'
import { plainMap } from '../plain.ts'
import { withDefaults } from './look-defaults.ts'
import { described } from './looked.ts'
import { lookRequest, parse } from './openai.ts'
import { note, readJson, requireModel, respondingTo, type Serving, type ServingContext } from './serving.ts'

/** `POST /v1/look`: the map and the crop, no answer. */
export function look(c: ServingContext, serving: Serving): Promise<Response> {
  const { work, pictures, readImage, defaults, model } = serving
  return respondingTo(c, work, async ({ signal, compute }, respond) => {
    const body = await readJson(c, serving.maxBodyBytes, signal)
    const { model: asked = model, image, question, map, layerMaps, ...own } = parse(lookRequest, body.value)
    requireModel(asked, model)
    checkQuestion(question)
    const file = await readImage(image, signal)
    const options = { ...withDefaults(own, defaults), signal }
    const facts = await compute(() =>
      pictures.use(file, options.method, async (picture, wasKept) => {
        const found = await picture.look(question, options)
        note(c, serving, { look: found, wasKept })
        const facts = await described(found, picture.image, map)
        if (!layerMaps) return facts
        const of = options.method === 'grad-att' ? 'gradientAttention' : 'relativeAttention'
        const maps = await picture[of](question, { layers: 'all', signal })
        return { ...facts, layerMaps: maps.map(plainMap) }
      }),
    )
    respond(Response.json({ object: 'vicrop.look', model, question, ...facts }))
  })
}
