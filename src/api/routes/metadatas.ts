import { type Endpoint, endpoint } from '../endpoint.ts'
import { courseMetadatasExample, ecosystemMetadatasExample } from '../schemas/examples.ts'
import {
  fetchCourseMetadatasResponse,
  fetchEcosystemMetadatasResponse,
  fetchMetadatasRequest,
} from '../schemas/metadatas.ts'
import { sequenceNumberMax } from '../schemas/values.ts'

const description =
  'Rows with a number at or above the offset, ascending. Numbers are gapless and given at creation, so a consumer ' +
  'stores the highest one and asks from the next, until fewer rows come than it asked for.'

export const metadataEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'fetch_course_metadatas',
    tag: 'streams',
    summary: 'Discover courses',
    description,
    request: fetchMetadatasRequest,
    response: fetchCourseMetadatasResponse,
    examples: courseMetadatasExample,
    views: ['position'],
    run: async ({ metadata_sequence_number_offset: offset, max_num_metadatas: max }, ports, { position }) => {
      const source = ports.replicas?.at(position) ?? ports.log
      const rows = offset > sequenceNumberMax ? [] : await source.readMetadata('course', offset, max)
      const lines = rows.map((row) => ({
        uuid: row.uuid,
        initial_ecosystem_uuid: row.initialEcosystem,
        metadata_sequence_number: row.number,
      }))
      return JSON.stringify({ course_responses: lines })
    },
  }),
  endpoint({
    name: 'fetch_ecosystem_metadatas',
    tag: 'streams',
    summary: 'Discover ecosystems',
    description,
    request: fetchMetadatasRequest,
    response: fetchEcosystemMetadatasResponse,
    examples: ecosystemMetadatasExample,
    views: ['position'],
    run: async ({ metadata_sequence_number_offset: offset, max_num_metadatas: max }, ports, { position }) => {
      const source = ports.replicas?.at(position) ?? ports.log
      const rows = offset > sequenceNumberMax ? [] : await source.readMetadata('ecosystem', offset, max)
      const lines = rows.map((row) => ({ uuid: row.uuid, metadata_sequence_number: row.number }))
      return JSON.stringify({ ecosystem_responses: lines })
    },
  }),
]
