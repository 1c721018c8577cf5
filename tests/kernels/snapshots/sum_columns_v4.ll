define void @tandem_kernel(i64 %begin, i64 %end, ptr %ptrs, ptr %vals, ptr %scratch, ptr %status) nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" {
entry:
  %result5 = alloca [64 x float], align 64
  %lanes29 = alloca [2048 x float], align 64
  %stack30 = alloca [3072 x float], align 64
  %blocks31 = alloca [1 x i64], align 64
  %s0.p = getelementptr i64, ptr %vals, i64 0
  %s0 = load i64, ptr %s0.p
  %s1.p = getelementptr i64, ptr %vals, i64 1
  %s1 = load i64, ptr %s1.p
  %s2.p = getelementptr i64, ptr %vals, i64 2
  %s2 = load i64, ptr %s2.p
  %s3.p = getelementptr i64, ptr %vals, i64 3
  %s3 = load i64, ptr %s3.p
  %v0 = getelementptr ptr, ptr %ptrs, i64 0
  %v1 = load ptr, ptr %v0
  %v2 = getelementptr ptr, ptr %ptrs, i64 1
  %v3 = load ptr, ptr %v2
  %v4 = mul i64 %s1, 64
  %v6 = add i64 %s0, 63
  %v7 = ashr i64 %v6, 6
  br label %head8
head8:
  %p10 = phi i64 [ %begin, %entry ], [ %v339, %end27 ]
  %v11 = icmp slt i64 %p10, %end
  br i1 %v11, label %body12, label %exit9
body12:
  %v13 = shl i64 %p10, 6
  %v14 = sub i64 %s0, %v13
  %v15 = call i64 @llvm.smin.i64(i64 %v14, i64 64)
  %v16 = trunc i64 %v15 to i32
  %v17 = insertelement <16 x i32> poison, i32 %v16, i32 0
  %v18 = shufflevector <16 x i32> %v17, <16 x i32> poison, <16 x i32> zeroinitializer
  %v19 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v18
  %v20 = icmp ult <16 x i32> <i32 16, i32 17, i32 18, i32 19, i32 20, i32 21, i32 22, i32 23, i32 24, i32 25, i32 26, i32 27, i32 28, i32 29, i32 30, i32 31>, %v18
  %v21 = icmp ult <16 x i32> <i32 32, i32 33, i32 34, i32 35, i32 36, i32 37, i32 38, i32 39, i32 40, i32 41, i32 42, i32 43, i32 44, i32 45, i32 46, i32 47>, %v18
  %v22 = icmp ult <16 x i32> <i32 48, i32 49, i32 50, i32 51, i32 52, i32 53, i32 54, i32 55, i32 56, i32 57, i32 58, i32 59, i32 60, i32 61, i32 62, i32 63>, %v18
  store <16 x float> splat (float 0x0000000000000000), ptr %result5, align 4
  %v23 = getelementptr float, ptr %result5, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v23, align 4
  %v24 = getelementptr float, ptr %result5, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v24, align 4
  %v25 = getelementptr float, ptr %result5, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v25, align 4
  %v26 = icmp sgt i64 %s1, 0
  br i1 %v26, label %then28, label %end27
then28:
  store i64 0, ptr %blocks31
  %v32 = sub i64 %s1, 0
  %v33 = call i64 @llvm.smin.i64(i64 %v32, i64 32)
  br label %head34
head34:
  %p36 = phi i64 [ 0, %then28 ], [ %v44, %body38 ]
  %v37 = icmp slt i64 %p36, %v33
  br i1 %v37, label %body38, label %exit35
body38:
  %v39 = mul i64 %p36, 64
  %v40 = getelementptr float, ptr %lanes29, i64 %v39
  store <16 x float> splat (float 0x0000000000000000), ptr %v40, align 4
  %v41 = getelementptr float, ptr %v40, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v41, align 4
  %v42 = getelementptr float, ptr %v40, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v42, align 4
  %v43 = getelementptr float, ptr %v40, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v43, align 4
  %v44 = add i64 %p36, 1
  br label %head34
exit35:
  %v45 = add i64 %s2, %v13
  %v46 = getelementptr float, ptr %v1, i64 %v45
  br label %head47
head47:
  %p49 = phi i64 [ 0, %exit35 ], [ %v185, %end83 ]
  %v50 = icmp slt i64 %p49, %s1
  br i1 %v50, label %body51, label %exit48
body51:
  %v52 = mul i64 %s3, %p49
  %v53 = getelementptr float, ptr %v46, i64 %v52
  %v54 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v53, i32 4, <16 x i1> %v19, <16 x float> zeroinitializer)
  %v55 = getelementptr float, ptr %v53, i64 16
  %v56 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v55, i32 4, <16 x i1> %v20, <16 x float> zeroinitializer)
  %v57 = getelementptr float, ptr %v53, i64 32
  %v58 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v57, i32 4, <16 x i1> %v21, <16 x float> zeroinitializer)
  %v59 = getelementptr float, ptr %v53, i64 48
  %v60 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v59, i32 4, <16 x i1> %v22, <16 x float> zeroinitializer)
  %v61 = and i64 %p49, 31
  %v62 = mul i64 %v61, 64
  %v63 = getelementptr float, ptr %lanes29, i64 %v62
  %v64 = load <16 x float>, ptr %v63, align 4
  %v65 = getelementptr float, ptr %v63, i64 16
  %v66 = load <16 x float>, ptr %v65, align 4
  %v67 = getelementptr float, ptr %v63, i64 32
  %v68 = load <16 x float>, ptr %v67, align 4
  %v69 = getelementptr float, ptr %v63, i64 48
  %v70 = load <16 x float>, ptr %v69, align 4
  %v71 = fadd <16 x float> %v64, %v54
  %v72 = fadd <16 x float> %v66, %v56
  %v73 = fadd <16 x float> %v68, %v58
  %v74 = fadd <16 x float> %v70, %v60
  %v75 = mul i64 %v61, 64
  %v76 = getelementptr float, ptr %lanes29, i64 %v75
  store <16 x float> %v71, ptr %v76, align 4
  %v77 = getelementptr float, ptr %v76, i64 16
  store <16 x float> %v72, ptr %v77, align 4
  %v78 = getelementptr float, ptr %v76, i64 32
  store <16 x float> %v73, ptr %v78, align 4
  %v79 = getelementptr float, ptr %v76, i64 48
  store <16 x float> %v74, ptr %v79, align 4
  %v80 = add i64 %p49, 1
  %v81 = urem i64 %v80, 4096
  %v82 = icmp eq i64 %v81, 0
  br i1 %v82, label %then84, label %end83
then84:
  %v85 = sub i64 %v80, 4096
  %v86 = call i64 @llvm.smin.i64(i64 4096, i64 32)
  br label %head87
head87:
  %p89 = phi i64 [ 16, %then84 ], [ %v128, %exit95 ]
  %p90 = phi i64 [ %v86, %then84 ], [ %v129, %exit95 ]
  %v91 = icmp sgt i64 %p89, 0
  br i1 %v91, label %body92, label %exit88
body92:
  %v93 = sub i64 %p90, %p89
  br label %head94
head94:
  %p96 = phi i64 [ 0, %body92 ], [ %v127, %body98 ]
  %v97 = icmp slt i64 %p96, %v93
  br i1 %v97, label %body98, label %exit95
body98:
  %v99 = add i64 %p96, %p89
  %v100 = mul i64 %p96, 64
  %v101 = getelementptr float, ptr %lanes29, i64 %v100
  %v102 = load <16 x float>, ptr %v101, align 4
  %v103 = getelementptr float, ptr %v101, i64 16
  %v104 = load <16 x float>, ptr %v103, align 4
  %v105 = getelementptr float, ptr %v101, i64 32
  %v106 = load <16 x float>, ptr %v105, align 4
  %v107 = getelementptr float, ptr %v101, i64 48
  %v108 = load <16 x float>, ptr %v107, align 4
  %v109 = mul i64 %v99, 64
  %v110 = getelementptr float, ptr %lanes29, i64 %v109
  %v111 = load <16 x float>, ptr %v110, align 4
  %v112 = getelementptr float, ptr %v110, i64 16
  %v113 = load <16 x float>, ptr %v112, align 4
  %v114 = getelementptr float, ptr %v110, i64 32
  %v115 = load <16 x float>, ptr %v114, align 4
  %v116 = getelementptr float, ptr %v110, i64 48
  %v117 = load <16 x float>, ptr %v116, align 4
  %v118 = fadd <16 x float> %v102, %v111
  %v119 = fadd <16 x float> %v104, %v113
  %v120 = fadd <16 x float> %v106, %v115
  %v121 = fadd <16 x float> %v108, %v117
  %v122 = mul i64 %p96, 64
  %v123 = getelementptr float, ptr %lanes29, i64 %v122
  store <16 x float> %v118, ptr %v123, align 4
  %v124 = getelementptr float, ptr %v123, i64 16
  store <16 x float> %v119, ptr %v124, align 4
  %v125 = getelementptr float, ptr %v123, i64 32
  store <16 x float> %v120, ptr %v125, align 4
  %v126 = getelementptr float, ptr %v123, i64 48
  store <16 x float> %v121, ptr %v126, align 4
  %v127 = add i64 %p96, 1
  br label %head94
exit95:
  %v128 = lshr i64 %p89, 1
  %v129 = call i64 @llvm.smin.i64(i64 %p90, i64 %p89)
  br label %head87
exit88:
  %v130 = load <16 x float>, ptr %lanes29, align 4
  %v131 = getelementptr float, ptr %lanes29, i64 16
  %v132 = load <16 x float>, ptr %v131, align 4
  %v133 = getelementptr float, ptr %lanes29, i64 32
  %v134 = load <16 x float>, ptr %v133, align 4
  %v135 = getelementptr float, ptr %lanes29, i64 48
  %v136 = load <16 x float>, ptr %v135, align 4
  %v137 = load i64, ptr %blocks31
  %v138 = call i64 @llvm.ctpop.i64(i64 %v137)
  br label %head139
head139:
  %p141 = phi i64 [ %v137, %exit88 ], [ %v163, %body148 ]
  %p142 = phi i64 [ %v138, %exit88 ], [ %v149, %body148 ]
  %p143 = phi <16 x float> [ %v130, %exit88 ], [ %v159, %body148 ]
  %p144 = phi <16 x float> [ %v132, %exit88 ], [ %v160, %body148 ]
  %p145 = phi <16 x float> [ %v134, %exit88 ], [ %v161, %body148 ]
  %p146 = phi <16 x float> [ %v136, %exit88 ], [ %v162, %body148 ]
  %v147 = trunc i64 %p141 to i1
  br i1 %v147, label %body148, label %exit140
body148:
  %v149 = add i64 %p142, -1
  %v150 = mul i64 %v149, 64
  %v151 = getelementptr float, ptr %stack30, i64 %v150
  %v152 = load <16 x float>, ptr %v151, align 4
  %v153 = getelementptr float, ptr %v151, i64 16
  %v154 = load <16 x float>, ptr %v153, align 4
  %v155 = getelementptr float, ptr %v151, i64 32
  %v156 = load <16 x float>, ptr %v155, align 4
  %v157 = getelementptr float, ptr %v151, i64 48
  %v158 = load <16 x float>, ptr %v157, align 4
  %v159 = fadd <16 x float> %v152, %p143
  %v160 = fadd <16 x float> %v154, %p144
  %v161 = fadd <16 x float> %v156, %p145
  %v162 = fadd <16 x float> %v158, %p146
  %v163 = lshr i64 %p141, 1
  br label %head139
exit140:
  %v164 = mul i64 %p142, 64
  %v165 = getelementptr float, ptr %stack30, i64 %v164
  store <16 x float> %p143, ptr %v165, align 4
  %v166 = getelementptr float, ptr %v165, i64 16
  store <16 x float> %p144, ptr %v166, align 4
  %v167 = getelementptr float, ptr %v165, i64 32
  store <16 x float> %p145, ptr %v167, align 4
  %v168 = getelementptr float, ptr %v165, i64 48
  store <16 x float> %p146, ptr %v168, align 4
  %v169 = add i64 %v137, 1
  store i64 %v169, ptr %blocks31
  %v170 = add i64 %v85, 4096
  %v171 = sub i64 %s1, %v170
  %v172 = call i64 @llvm.smin.i64(i64 %v171, i64 32)
  br label %head173
head173:
  %p175 = phi i64 [ 0, %exit140 ], [ %v184, %body177 ]
  %v176 = icmp slt i64 %p175, %v172
  br i1 %v176, label %body177, label %exit174
body177:
  %v178 = add i64 %v170, %p175
  %v179 = mul i64 %p175, 64
  %v180 = getelementptr float, ptr %lanes29, i64 %v179
  store <16 x float> splat (float 0x0000000000000000), ptr %v180, align 4
  %v181 = getelementptr float, ptr %v180, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v181, align 4
  %v182 = getelementptr float, ptr %v180, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v182, align 4
  %v183 = getelementptr float, ptr %v180, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v183, align 4
  %v184 = add i64 %p175, 1
  br label %head173
exit174:
  br label %end83
end83:
  %v185 = add i64 %p49, 1
  br label %head47
exit48:
  %v186 = urem i64 %s1, 4096
  %v187 = icmp ne i64 %v186, 0
  br i1 %v187, label %then189, label %end188
then189:
  %v190 = sub i64 %s1, %v186
  %v191 = call i64 @llvm.smin.i64(i64 %v186, i64 32)
  br label %head192
head192:
  %p194 = phi i64 [ 16, %then189 ], [ %v233, %exit200 ]
  %p195 = phi i64 [ %v191, %then189 ], [ %v234, %exit200 ]
  %v196 = icmp sgt i64 %p194, 0
  br i1 %v196, label %body197, label %exit193
body197:
  %v198 = sub i64 %p195, %p194
  br label %head199
head199:
  %p201 = phi i64 [ 0, %body197 ], [ %v232, %body203 ]
  %v202 = icmp slt i64 %p201, %v198
  br i1 %v202, label %body203, label %exit200
body203:
  %v204 = add i64 %p201, %p194
  %v205 = mul i64 %p201, 64
  %v206 = getelementptr float, ptr %lanes29, i64 %v205
  %v207 = load <16 x float>, ptr %v206, align 4
  %v208 = getelementptr float, ptr %v206, i64 16
  %v209 = load <16 x float>, ptr %v208, align 4
  %v210 = getelementptr float, ptr %v206, i64 32
  %v211 = load <16 x float>, ptr %v210, align 4
  %v212 = getelementptr float, ptr %v206, i64 48
  %v213 = load <16 x float>, ptr %v212, align 4
  %v214 = mul i64 %v204, 64
  %v215 = getelementptr float, ptr %lanes29, i64 %v214
  %v216 = load <16 x float>, ptr %v215, align 4
  %v217 = getelementptr float, ptr %v215, i64 16
  %v218 = load <16 x float>, ptr %v217, align 4
  %v219 = getelementptr float, ptr %v215, i64 32
  %v220 = load <16 x float>, ptr %v219, align 4
  %v221 = getelementptr float, ptr %v215, i64 48
  %v222 = load <16 x float>, ptr %v221, align 4
  %v223 = fadd <16 x float> %v207, %v216
  %v224 = fadd <16 x float> %v209, %v218
  %v225 = fadd <16 x float> %v211, %v220
  %v226 = fadd <16 x float> %v213, %v222
  %v227 = mul i64 %p201, 64
  %v228 = getelementptr float, ptr %lanes29, i64 %v227
  store <16 x float> %v223, ptr %v228, align 4
  %v229 = getelementptr float, ptr %v228, i64 16
  store <16 x float> %v224, ptr %v229, align 4
  %v230 = getelementptr float, ptr %v228, i64 32
  store <16 x float> %v225, ptr %v230, align 4
  %v231 = getelementptr float, ptr %v228, i64 48
  store <16 x float> %v226, ptr %v231, align 4
  %v232 = add i64 %p201, 1
  br label %head199
exit200:
  %v233 = lshr i64 %p194, 1
  %v234 = call i64 @llvm.smin.i64(i64 %p195, i64 %p194)
  br label %head192
exit193:
  %v235 = load <16 x float>, ptr %lanes29, align 4
  %v236 = getelementptr float, ptr %lanes29, i64 16
  %v237 = load <16 x float>, ptr %v236, align 4
  %v238 = getelementptr float, ptr %lanes29, i64 32
  %v239 = load <16 x float>, ptr %v238, align 4
  %v240 = getelementptr float, ptr %lanes29, i64 48
  %v241 = load <16 x float>, ptr %v240, align 4
  %v242 = load i64, ptr %blocks31
  %v243 = call i64 @llvm.ctpop.i64(i64 %v242)
  br label %head244
head244:
  %p246 = phi i64 [ %v242, %exit193 ], [ %v268, %body253 ]
  %p247 = phi i64 [ %v243, %exit193 ], [ %v254, %body253 ]
  %p248 = phi <16 x float> [ %v235, %exit193 ], [ %v264, %body253 ]
  %p249 = phi <16 x float> [ %v237, %exit193 ], [ %v265, %body253 ]
  %p250 = phi <16 x float> [ %v239, %exit193 ], [ %v266, %body253 ]
  %p251 = phi <16 x float> [ %v241, %exit193 ], [ %v267, %body253 ]
  %v252 = trunc i64 %p246 to i1
  br i1 %v252, label %body253, label %exit245
body253:
  %v254 = add i64 %p247, -1
  %v255 = mul i64 %v254, 64
  %v256 = getelementptr float, ptr %stack30, i64 %v255
  %v257 = load <16 x float>, ptr %v256, align 4
  %v258 = getelementptr float, ptr %v256, i64 16
  %v259 = load <16 x float>, ptr %v258, align 4
  %v260 = getelementptr float, ptr %v256, i64 32
  %v261 = load <16 x float>, ptr %v260, align 4
  %v262 = getelementptr float, ptr %v256, i64 48
  %v263 = load <16 x float>, ptr %v262, align 4
  %v264 = fadd <16 x float> %v257, %p248
  %v265 = fadd <16 x float> %v259, %p249
  %v266 = fadd <16 x float> %v261, %p250
  %v267 = fadd <16 x float> %v263, %p251
  %v268 = lshr i64 %p246, 1
  br label %head244
exit245:
  %v269 = mul i64 %p247, 64
  %v270 = getelementptr float, ptr %stack30, i64 %v269
  store <16 x float> %p248, ptr %v270, align 4
  %v271 = getelementptr float, ptr %v270, i64 16
  store <16 x float> %p249, ptr %v271, align 4
  %v272 = getelementptr float, ptr %v270, i64 32
  store <16 x float> %p250, ptr %v272, align 4
  %v273 = getelementptr float, ptr %v270, i64 48
  store <16 x float> %p251, ptr %v273, align 4
  %v274 = add i64 %v242, 1
  store i64 %v274, ptr %blocks31
  %v275 = add i64 %v190, %v186
  %v276 = sub i64 %s1, %v275
  %v277 = call i64 @llvm.smin.i64(i64 %v276, i64 32)
  br label %head278
head278:
  %p280 = phi i64 [ 0, %exit245 ], [ %v289, %body282 ]
  %v281 = icmp slt i64 %p280, %v277
  br i1 %v281, label %body282, label %exit279
body282:
  %v283 = add i64 %v275, %p280
  %v284 = mul i64 %p280, 64
  %v285 = getelementptr float, ptr %lanes29, i64 %v284
  store <16 x float> splat (float 0x0000000000000000), ptr %v285, align 4
  %v286 = getelementptr float, ptr %v285, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v286, align 4
  %v287 = getelementptr float, ptr %v285, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v287, align 4
  %v288 = getelementptr float, ptr %v285, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v288, align 4
  %v289 = add i64 %p280, 1
  br label %head278
exit279:
  br label %end188
end188:
  %v290 = load i64, ptr %blocks31
  %v291 = call i64 @llvm.ctpop.i64(i64 %v290)
  %v292 = add i64 %v291, -1
  %v293 = mul i64 %v292, 64
  %v294 = getelementptr float, ptr %stack30, i64 %v293
  %v295 = load <16 x float>, ptr %v294, align 4
  %v296 = getelementptr float, ptr %v294, i64 16
  %v297 = load <16 x float>, ptr %v296, align 4
  %v298 = getelementptr float, ptr %v294, i64 32
  %v299 = load <16 x float>, ptr %v298, align 4
  %v300 = getelementptr float, ptr %v294, i64 48
  %v301 = load <16 x float>, ptr %v300, align 4
  br label %head302
head302:
  %p304 = phi i64 [ %v292, %end188 ], [ %v311, %body310 ]
  %p305 = phi <16 x float> [ %v295, %end188 ], [ %v321, %body310 ]
  %p306 = phi <16 x float> [ %v297, %end188 ], [ %v322, %body310 ]
  %p307 = phi <16 x float> [ %v299, %end188 ], [ %v323, %body310 ]
  %p308 = phi <16 x float> [ %v301, %end188 ], [ %v324, %body310 ]
  %v309 = icmp sgt i64 %p304, 0
  br i1 %v309, label %body310, label %exit303
body310:
  %v311 = add i64 %p304, -1
  %v312 = mul i64 %v311, 64
  %v313 = getelementptr float, ptr %stack30, i64 %v312
  %v314 = load <16 x float>, ptr %v313, align 4
  %v315 = getelementptr float, ptr %v313, i64 16
  %v316 = load <16 x float>, ptr %v315, align 4
  %v317 = getelementptr float, ptr %v313, i64 32
  %v318 = load <16 x float>, ptr %v317, align 4
  %v319 = getelementptr float, ptr %v313, i64 48
  %v320 = load <16 x float>, ptr %v319, align 4
  %v321 = fadd <16 x float> %v314, %p305
  %v322 = fadd <16 x float> %v316, %p306
  %v323 = fadd <16 x float> %v318, %p307
  %v324 = fadd <16 x float> %v320, %p308
  br label %head302
exit303:
  store <16 x float> %p305, ptr %result5, align 4
  %v325 = getelementptr float, ptr %result5, i64 16
  store <16 x float> %p306, ptr %v325, align 4
  %v326 = getelementptr float, ptr %result5, i64 32
  store <16 x float> %p307, ptr %v326, align 4
  %v327 = getelementptr float, ptr %result5, i64 48
  store <16 x float> %p308, ptr %v327, align 4
  br label %end27
end27:
  %v328 = load <16 x float>, ptr %result5, align 4
  %v329 = getelementptr float, ptr %result5, i64 16
  %v330 = load <16 x float>, ptr %v329, align 4
  %v331 = getelementptr float, ptr %result5, i64 32
  %v332 = load <16 x float>, ptr %v331, align 4
  %v333 = getelementptr float, ptr %result5, i64 48
  %v334 = load <16 x float>, ptr %v333, align 4
  %v335 = getelementptr float, ptr %v3, i64 %v13
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v328, ptr %v335, i32 4, <16 x i1> %v19)
  %v336 = getelementptr float, ptr %v335, i64 16
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v330, ptr %v336, i32 4, <16 x i1> %v20)
  %v337 = getelementptr float, ptr %v335, i64 32
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v332, ptr %v337, i32 4, <16 x i1> %v21)
  %v338 = getelementptr float, ptr %v335, i64 48
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v334, ptr %v338, i32 4, <16 x i1> %v22)
  %v339 = add i64 %p10, 1
  br label %head8
exit9:
  ret void
}
!0 = !{i32 1}
!1 = !{!"branch_weights", i32 1, i32 4096}
