/** Names of classes in other languages than English, in which models have them. */

/** @type {Record<string, Record<string, string>>} */
const NAMES = {
  zh: {
    background: "背景", wall: "墙", door: "门", window: "窗", "window sill": "窗台", "window head": "窗楣", sill: "窗台", head: "窗楣",
    shutter: "百叶窗", balcony: "阳台", trim: "线脚", deco: "装饰", cornice: "檐口", column: "柱", pillar: "柱", entrance: "入口",
    roof: "屋顶", chimney: "烟囱", house: "房屋", facade: "立面", blind: "百叶窗", molding: "线脚", shop: "店面",
    road: "道路", sidewalk: "人行道", building: "建筑", fence: "围栏", pole: "杆", "traffic light": "红绿灯", "traffic sign": "交通标志",
    vegetation: "植被", terrain: "地面", sky: "天空", person: "行人", rider: "骑行者", car: "汽车", truck: "卡车", bus: "公交车",
    train: "火车", motorcycle: "摩托车", bicycle: "自行车", unlabelled: "未标注", unlabeled: "未标注", other: "其他",
    tree: "树", grass: "草地", water: "水", river: "河", sea: "海", mountain: "山", snow: "雪", sand: "沙", rock: "岩石", cloud: "云",
    park: "公园", path: "小路", street: "街道", field: "田地", forest: "森林", flower: "花", leaf: "叶", ground: "地面", floor: "地板",
    ceiling: "天花板", table: "桌子", chair: "椅子", bed: "床", skin: "皮肤", hair: "头发", face: "脸", eye: "眼睛", nose: "鼻子", mouth: "嘴",
    black: "黑", white: "白", red: "红", green: "绿", blue: "蓝", yellow: "黄", grey: "灰", gray: "灰", orange: "橙", purple: "紫", hole: "空缺",
  },
};

/**
 * Return a class's name in a language; one that is not listed stays as it is.
 * @param {string} name
 * @param {string} language  code
 */
export function classIn(name, language) {
  return NAMES[language]?.[name.trim().toLowerCase()] ?? name;
}
